"""Puts a candidate of a training into the package, with a card that says what was measured of it by now.

    .venv/bin/python scripts/learning/package.py OUT boosting-spread --first 1101

OUT is what `edge-balancer train --out` was given; feeders of the seed `--first` sorted out, the others decide. The
tables are of all candidates: who came to the deciding feeders is judged by these, the others by the first.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edge_balancer.learning.model_card import model_card, stamped
from edge_balancer.learning.report import as_markdown
from edge_balancer.learning.scores import Errors
from edge_balancer.learning.standings import from_csv, standings, winner
from edge_balancer.learning.training import ERRORS_FILE, LOOP_FILE, Report
from edge_balancer.models.registry import PACKAGED, write_model


def main() -> None:
    parser = argparse.ArgumentParser(description="Put a candidate into the package.")
    parser.add_argument("out", type=Path)
    parser.add_argument("candidate")
    parser.add_argument("--first", type=int, default=1101, help="seed of the feeders that sorted out")
    parser.add_argument("--print", action="store_true", help="print the tables, and package nothing")
    args = parser.parse_args()
    said = json.loads((args.out / ERRORS_FILE).read_text(encoding="utf-8"))["errors"]
    errors = [Errors(one["name"], tuple(one["blocks"]), one["kinds"]) for one in said]
    rows = from_csv((args.out / LOOP_FILE).read_text(encoding="utf-8"))
    first = [row for row in rows if f"-{args.first}-" in row.feeder]
    deciding = [row for row in rows if row not in first]
    table = standings(deciding)
    names = {one.advisor for one in table}
    if args.candidate not in names:
        parser.error(f"{args.candidate} was not on the deciding feeders, which were: {', '.join(sorted(names))}")
    everybody = [*table, *(one for one in standings(first) if one.advisor not in names)]
    best = winner(table, names)
    onnx = (args.out / "candidates" / f"{args.candidate}.onnx").read_bytes()
    if args.print:
        print(as_markdown(Report(errors, rows, everybody, {}, best)))
        return
    report = Report(errors, rows, everybody, {args.candidate: onnx}, args.candidate)
    model = stamped(onnx, report)
    PACKAGED.mkdir(exist_ok=True)
    write_model(PACKAGED, model, model_card("default", model, report, best))
    print(f"{PACKAGED}: {len(model)} bytes, winner so far: {best}")


if __name__ == "__main__":
    main()
