"""What a result is computed by, told from the source itself: a module and all of ours that it imports, however far.

So nothing that influences a result can be forgotten in a list, and what does not leaves it alone: foresight knows no
engine, and a change of the engine does not make it old.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

import edge_balancer

_OURS: Final = ("edge_balancer", "firmware_bridge")
_ROOT: Final = Path(edge_balancer.__file__).parent.parent


def source_hash(modules: Iterable[str], alone: Iterable[str] = ()) -> str:
    """Of the source of these modules with all that they import, and of others `alone`. Of our own packages only."""
    names = {name for module in modules for name in closure(module)} | set(alone)
    digest = hashlib.sha256()
    for name in sorted(names):
        file = _file(name)
        if file is None:
            raise ValueError(f"{name} is no module of {' or '.join(_OURS)}: name one that there is")
        digest.update(name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def closure(module: str) -> frozenset[str]:
    """The module, its packages, and all of ours that they import, anywhere in them."""
    seen: set[str] = set()
    left = [module]
    while left:
        name = left.pop()
        if name in seen:
            continue
        if _file(name) is None:
            continue
        seen.add(name)
        left += _imported(name)
        package, dot, _ = name.rpartition(".")
        if dot:
            left.append(package)
    return frozenset(seen)


@cache
def _imported(module: str) -> tuple[str, ...]:
    file = _file(module)
    return () if file is None else tuple(_imports(ast.parse(file.read_text(encoding="utf-8"))))


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            # What is imported may be a module itself.
            yield from (f"{node.module}.{one.name}" for one in node.names)


def _file(name: str) -> Path | None:
    """The module's source; None of a module of others, and of a name that is no module."""
    if name.partition(".")[0] not in _OURS:
        return None
    place = _ROOT.joinpath(*name.split("."))
    for file in (place.with_suffix(".py"), place / "__init__.py"):
        if file.is_file():
            return file
    return None
