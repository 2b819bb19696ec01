"""Whatever stands in the files and the environment, `problems` names it and raises nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_balancer.errors import ConfigurationError, format_problems
from edge_balancer.settings.check import problems
from edge_balancer.settings.fields import environment_names, sections
from edge_balancer.settings.load import load

FAST = settings(max_examples=150, deadline=None)
NAMES = sorted({part for section in sections() for key in section.keys for part in key.path} | {"zzz", "mod", "[key]"})
LEAVES: st.SearchStrategy[Any] = st.one_of(
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(10**400), max_value=10**400),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8"), max_size=8),
    st.sampled_from(["L1", "L4", "auto", "json", "native", "transformer", "h1", "a/#", "0", "yes", "\0"]),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=12,
)
HOUSES = st.lists(
    st.dictionaries(st.sampled_from(["id", "phase", "pv_w", "switch_topic", "meters", "critical"]), TREES, max_size=6),
    max_size=5,
)


def toml(value: Any) -> str:
    """A value in TOML's inline form."""
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return "{" + ", ".join(f"{json.dumps(key)} = {toml(inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(toml(inner) for inner in value) + "]"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case float():
            return repr(value) if "." in repr(value) or "e" in repr(value) else f"{value}.0"
        case _:
            return str(value)


def judge(folder: Path, environ: dict[str, str]) -> None:
    found = problems(folder / "c.toml", environ)
    text = format_problems(found)
    text.encode()
    assert all(problem.key and problem.wrong and problem.remedy for problem in found), text
    if any(problem.severity == "error" for problem in found):
        with pytest.raises(ConfigurationError):
            load(folder / "c.toml", environ)
    else:
        load(folder / "c.toml", environ)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@FAST
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode(errors="replace")))
def test_any_bytes_as_the_file(content: bytes, folder: Path) -> None:
    (folder / "c.toml").write_bytes(content)
    judge(folder, {})


@FAST
@given(tree=st.dictionaries(st.sampled_from(NAMES), TREES, max_size=8), houses=st.none() | HOUSES)
def test_any_tree_of_values_as_the_file(tree: dict[str, Any], houses: list[Any] | None, folder: Path) -> None:
    tree |= {} if houses is None else {"houses": houses}
    # A table of the tree before must not stand in for the one that this tree names.
    (folder / "houses.csv").write_text("id,phase\nh1,L1\n")
    (folder / "c.toml").write_text("".join(f"{json.dumps(key)} = {toml(value)}\n" for key, value in tree.items()))
    judge(folder, {})


@FAST
@given(content=st.binary(max_size=200) | st.text('id,phase;L1"\n\r _meter_topic', max_size=200).map(str.encode))
def test_any_bytes_as_the_houses_table(content: bytes, folder: Path) -> None:
    (folder / "houses.csv").write_bytes(content)
    (folder / "c.toml").write_text('houses_file = "houses.csv"')
    judge(folder, {})


@FAST
@given(
    environ=st.dictionaries(
        st.sampled_from(sorted(environment_names())) | st.text("ABC_", max_size=6).map("EDGE_BALANCER_".__add__),
        st.text(st.characters(exclude_characters="\0"), max_size=12) | st.just("\udcff"),
        max_size=6,
    )
)
def test_any_environment(environ: dict[str, str], folder: Path) -> None:
    (folder / "c.toml").write_text('[[houses]]\nid = "h1"\nphase = "L1"')
    judge(folder, environ)
