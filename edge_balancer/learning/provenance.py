"""What a model came from: the code that its numbers hang on."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path
from typing import Final

_MADE_BY: Final = ("candidates", "graph", "splits")
"""The modules that a model's numbers come from, beside its data."""
_POLICY_BY: Final = ("imitation", "policy", "policy_search", "loop")
"""And a policy's."""


def made_by(*, policy: bool = False) -> str:
    """Of the code that a model's numbers come from; words about it may change."""
    digest = hashlib.sha256()
    for name in (*_MADE_BY, *(_POLICY_BY if policy else ())):
        tree = ast.parse((Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Expr)
                and isinstance(node.value, ast.Constant)
                and isinstance(node.value.value, str)
            ):
                node.value.value = ""
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()
