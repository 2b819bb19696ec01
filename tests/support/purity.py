"""Finds calls in source text that a pure module must not make: clocks, chance, files, the terminal.

Imports of I/O modules are import-linter's matter; this sees what needs no import (`open`) or comes with an allowed one
(`datetime.now`, `np.random`).
"""

from __future__ import annotations

import ast
from typing import Final

BUILTINS: Final = frozenset({"open", "print", "input", "breakpoint", "exec", "eval", "__import__", "id"})
# Last two parts of a dotted call.
CALLS: Final = frozenset(
    {
        *((owner, name) for owner in ("datetime", "date") for name in ("now", "utcnow", "today")),
        *(("uuid", name) for name in ("uuid1", "uuid4", "uuid6", "uuid7")),
        *(("np", name) for name in ("load", "save", "savez", "loadtxt", "savetxt", "fromfile", "memmap", "genfromtxt")),
    }
)
MODULES: Final = frozenset({"time", "random", "secrets", "os", "np.random", "numpy.random"})
# A generator may be built from a seed that was handed in, and named as a type.
SEEDED: Final = frozenset({"default_rng", "SeedSequence", "PCG64", "Generator"})


def impurities(source: str) -> list[str]:
    """Each offending call as `line: name`, in the order of the text."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    calls.sort(key=lambda node: (node.lineno, node.col_offset))
    return [f"{call.lineno}: {ast.unparse(call.func)}" for call in calls if _is_impure(call)]


def _is_impure(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    parts = name.split(".")
    owner, last = ".".join(parts[:-1]), parts[-1]
    if not owner:
        return name in BUILTINS or (name in SEEDED and not (call.args or call.keywords))
    if owner in MODULES:
        return last not in SEEDED or not (call.args or call.keywords)
    return (parts[-2], last) in CALLS
