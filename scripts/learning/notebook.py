"""Writes docs/learning.ipynb, executed: its cells run here in one namespace; what they print and draw is kept.

    .venv/bin/python scripts/learning/notebook.py docs/learning

The folder holds what `edge-balancer train --out` and `edge-balancer bench balance --out` leave: loop.csv, errors.json,
policy.json and bench.csv. No notebook server is needed, and none is asked for when the notebook is read.
"""

from __future__ import annotations

import argparse
import ast
import base64
import contextlib
import io
import json
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parents[2]
CELLS: Final = HERE / "scripts" / "learning" / "cells.py"


def cells_of(text: str) -> list[tuple[str, str]]:
    """Kind (`markdown` or `code`) and source of each cell; `# %%` begins one, as editors know it."""
    out = []
    for part in text.split("# %%")[1:]:
        head, _, body = part.partition("\n")
        if "[markdown]" in head:
            lines = [line.removeprefix("# ").removeprefix("#") for line in body.strip().splitlines()]
            out.append(("markdown", "\n".join(lines)))
        else:
            out.append(("code", body.strip()))
    return out


def executed(source: str, names: dict[str, Any], count: int) -> dict[str, Any]:
    """A code cell with its outputs; the last expression's value is shown, as notebooks do."""
    import matplotlib.pyplot as plt

    tree = ast.parse(source)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
    said = io.StringIO()
    outputs: list[dict[str, Any]] = []
    with contextlib.redirect_stdout(said):
        exec(compile(tree, f"cell {count}", "exec"), names)  # noqa: S102 - our own cells
        value = None
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), f"cell {count}", "eval"), names)  # noqa: S307 - our own
    if said.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": lines(said.getvalue())})
    for number in plt.get_fignums():
        picture = io.BytesIO()
        plt.figure(number).savefig(picture, format="png", dpi=80, bbox_inches="tight", metadata={"Software": None})
        data: dict[str, Any] = {"image/png": base64.b64encode(picture.getvalue()).decode(), "text/plain": ["<Figure>"]}
        outputs.append({"output_type": "display_data", "data": data, "metadata": {}})
    plt.close("all")
    if value is not None:
        data = {"text/plain": lines(str(value))}
        outputs.append({"output_type": "execute_result", "execution_count": count, "data": data, "metadata": {}})
    return {"cell_type": "code", "execution_count": count, "metadata": {}, "outputs": outputs, "source": lines(source)}


def lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def notebook(folder: Path) -> dict[str, Any]:
    import matplotlib as mpl

    mpl.use("Agg")
    names: dict[str, Any] = {"FOLDER": folder}
    cells: list[dict[str, Any]] = []
    count = 0
    for kind, source in cells_of(CELLS.read_text(encoding="utf-8")):
        if kind == "markdown":
            cells.append({"cell_type": "markdown", "metadata": {}, "source": lines(source)})
        else:
            count += 1
            cells.append(executed(source, names, count))
    for k, cell in enumerate(cells):
        cell["id"] = f"cell-{k + 1}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def main() -> None:
    parser = argparse.ArgumentParser(description="Write docs/learning.ipynb, executed.")
    parser.add_argument("folder", type=Path, nargs="?", default=HERE / "docs" / "learning")
    parser.add_argument("--out", type=Path, default=HERE / "docs" / "learning.ipynb")
    args = parser.parse_args()
    args.out.write_text(json.dumps(notebook(args.folder), indent=1) + "\n", encoding="utf-8")
    print(args.out)


if __name__ == "__main__":
    main()
