"""The example and the reference are made from the models, and what stands in the repository is what they give."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from edge_balancer.errors import EdgeBalancerError
from edge_balancer.settings.commands import check_command, init_command, reference_command
from edge_balancer.settings.example import example_toml, write_example
from edge_balancer.settings.example_houses import example_houses_csv
from edge_balancer.settings.fields import Key, environment_names, sections
from edge_balancer.settings.load import load
from edge_balancer.settings.reference import reference_markdown
from edge_balancer.settings.root import Configuration
from edge_balancer.types.switching import Mode
from firmware_bridge.settings.base import Section

ROOT = Path(__file__).parents[2]
KEYS = [key for section in sections() for key in section.keys]


def uncommented() -> dict[str, Any]:
    """The example with every key and table in force."""
    return tomllib.loads(re.sub(r"^# (?=\w+ = |\[\[)", "", example_toml(), flags=re.MULTILINE))


def at(tree: Any, key: Key) -> Any:
    for part in key.path:
        tree = tree[0][part] if isinstance(tree, list) else tree[part]
    return tree


def test_the_example_loads_without_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, table = write_example(tmp_path / "new" / "folder")
    # Somebody may enter a password, which must not be in a file that all can read.
    assert not file.stat().st_mode & 0o007
    assert (file.name, table.name) == ("edge-balancer.toml", "houses.csv")
    assert check_command(file) == 0
    said = capsys.readouterr()
    assert "11 houses, of which 8 may move; mode advise" in said.out
    assert said.err == ""


def test_the_example_differs_from_the_defaults_only_where_a_user_must_look() -> None:
    assert tomllib.loads(example_toml()) == {
        "houses_file": "houses.csv",
        "feeder": {"id": "feeder-1", "transformer_kva": 250, "limits": {}},
        "mqtt": {"host": "localhost"},
        "decision": {"mode": "advise"},
        "forecast": {},
        "telemetry": {},
        "switching": {},
        "alerts": {"telling": {}},
        "channels": {"twilio": {}, "modem": {}, "email": {}, "webhook": {}, "apprise": {}},
        "bridge": {"interlock": {}},
        "homeassistant": {},
        "dashboard": {},
        "storage": {},
        "log": {},
    }


def test_the_example_says_how_to_let_it_switch() -> None:
    before, after = example_toml().split('\nmode = "advise"\n')
    assert 'change it to "auto"' in before[before.rindex("\n\n") :]
    assert after


def shows_default(key: Key) -> bool:
    """Whether the example shows it with its default, and not with a value that a user must look at."""
    has_default = key.default is not None and not key.kind.startswith("list of ")
    return has_default and f"\n{key.name} = " not in example_toml()


@pytest.mark.parametrize("key", [key for key in KEYS if shows_default(key)], ids=lambda key: key.dotted)
def test_the_example_shows_each_key_with_its_default(key: Key) -> None:
    value = at(uncommented(), key)
    default = key.default.get_secret_value() if key.secret else key.default
    assert value == (str(default) if isinstance(default, Path) else default)


def test_every_value_that_the_example_shows_is_within_its_limits() -> None:
    shown = uncommented()
    # Certificates ask for TLS; apart from them all shown values hold at once.
    shown["mqtt"] |= {"tls": True, "port": 8883}
    configuration = Configuration.model_validate(shown)
    assert configuration.houses[0].meters[0].topic == "shellies/house-21"


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.dotted)
def test_each_key_says_what_it_means(key: Key) -> None:
    assert len(key.meaning) > 10
    assert key.kind != "choice" or key.choices


def test_every_section_of_the_models_is_described() -> None:
    def names(model: type[Section]) -> set[str]:
        return set(model.model_fields)

    described = {section.path: {key.name for key in section.keys} for section in sections()}
    assert described[()] | {path[0] for path in described if path} == names(Configuration)
    assert len(environment_names()) > 50


def test_the_files_in_the_repository_are_what_the_models_give() -> None:
    assert (ROOT / "config/edge-balancer.toml").read_text() == example_toml(), (
        "run: edge-balancer init, and move it there"
    )
    assert (ROOT / "config/houses.csv").read_text() == example_houses_csv(), (
        "run: edge-balancer init, and move it there"
    )
    load(ROOT / "config/edge-balancer.toml", {})


def test_the_reference_in_the_repository_is_up_to_date() -> None:
    current = (ROOT / "docs/configuration.md").read_text()
    assert current == reference_markdown(), "run: edge-balancer reference > docs/configuration.md"


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.dotted)
def test_the_reference_has_each_key_in_its_section(key: Key) -> None:
    text = reference_markdown()
    heading = next(
        line
        for line in text.splitlines()
        if line.startswith("### ") and line.strip("#[]` ") == (".".join(key.path[:-1]) or "Top")
    )
    section = text.split(heading + "\n")[1].split("\n### ")[0]
    row = next(line for line in section.splitlines() if line.startswith(f"| `{key.name}` |"))
    assert key.environment in row
    assert row.count("|") - row.count("\\|") == section.splitlines()[3].count("|")


@pytest.mark.parametrize("existing", ["edge-balancer.toml", "houses.csv"])
def test_an_existing_file_is_never_overwritten(existing: str, tmp_path: Path) -> None:
    (tmp_path / existing).write_text("mine")
    with pytest.raises(EdgeBalancerError, match=rf"{existing} exists already"):
        write_example(tmp_path)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {existing: "mine"}


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EdgeBalancerError, match=r"file/sub.* cannot be written"):
        write_example(tmp_path / "file" / "sub")


def test_the_commands_answer_with_their_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init_command(tmp_path) == 0
    assert "edge-balancer check" in capsys.readouterr().out
    assert init_command(tmp_path) == 2
    assert "exists already" in capsys.readouterr().err
    bad = tmp_path / "bad.toml"
    bad.write_text("[decision]\ndwell_s = -1")
    assert check_command(bad) == 2
    said = capsys.readouterr()
    assert "decision.dwell_s = -1" in said.err
    assert said.out == ""
    assert reference_command() == 0
    assert capsys.readouterr().out == reference_markdown()


def test_check_counts_a_warning_as_good(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "c.toml"
    file.write_text('[[houses]]\nid = "h1"\nphase = "L1"')
    assert check_command(file) == 0
    said = capsys.readouterr()
    assert "warning: feeder.transformer_kva" in said.err
    assert "good" in said.out
    assert load(file, {}).decision.mode is Mode.AUTO
