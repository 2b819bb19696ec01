"""What is said of a bridge's configuration that cannot be served, or should not be."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware_bridge.cli import main
from firmware_bridge.errors import format_problems
from firmware_bridge.service.bridge import problems
from firmware_bridge.service.configuration import examine
from firmware_bridge.settings.bridge import BridgeSettings

METER = {"house": "h1", "model": "eastron_sdm120", "unit": 1}
SWITCH = {"house": "h1", "model": "waveshare_relay_8ch", "unit": 10, "relays": [1, 2, 3]}
RELAYS = {"house": "h1", "model": "tasmota", "relays": ["t/1", "t/2", "t/3"]}


def line(*, name: str = "a", port: str = "/dev/a", **more: Any) -> dict[str, Any]:
    return {"name": name, "port": port, **more}


def bridge(*lines: dict[str, Any], **more: Any) -> BridgeSettings:
    return BridgeSettings.model_validate({"lines": list(lines), **more})


def test_a_good_configuration_has_no_problems() -> None:
    other = {**SWITCH, "house": "h2", "relays": [4, 5, 6]}
    transformer = {"house": "transformer", "model": "eastron_sdm630", "unit": 3}
    good = bridge(line(meters=[METER, transformer], switches=[SWITCH, other]), relays=[{**RELAYS, "house": "h3"}])
    assert problems(good, houses={"h1", "h2", "h3"}) == []


@pytest.mark.parametrize(
    ("settings", "at", "said"),
    [
        (bridge(line(meters=[{**METER, "model": "eastron_sdm12"}])), ("lines", 0, "meters", 0, "model"), "eastron_sdm"),
        (
            bridge(line(meters=[{**METER, "model": "waveshare_relay_8ch"}])),
            ("lines", 0, "meters", 0, "model"),
            "is a phase switch",
        ),
        (bridge(line(switches=[{**SWITCH, "model": "eastron_sdm120"}])), ("lines", 0, "switches", 0, "model"), "meter"),
        (bridge(line(switches=[{**SWITCH, "model": "tasmota"}])), ("lines", 0, "switches", 0, "model"), "speak MQTT"),
        (bridge(relays=[{**RELAYS, "model": "shelli1"}]), ("relays", 0, "model"), "shelly1"),
        (
            bridge(line(meters=[{**METER, "model": "eastron_sdm630"}], switches=[SWITCH])),
            ("lines", 0, "meters", 0, "model"),
            "only single-phase houses are moved",
        ),
        (
            bridge(line(meters=[{**METER, "house": "transformer"}])),
            ("lines", 0, "meters", 0, "model"),
            "three-phase meter",
        ),
        (bridge(line(meters=[{**METER, "order": "L2 L3 L1"}])), ("lines", 0, "meters", 0, "order"), "has no use"),
        (bridge(line(meters=[METER, {**METER, "house": "h2"}])), ("lines", 0, "meters", 1, "unit"), "two devices"),
        (bridge(line(meters=[METER], switches=[{**SWITCH, "unit": 1}])), ("lines", 0, "switches", 0, "unit"), "two"),
        (bridge(line(), line(port="/dev/b")), ("lines", 1, "name"), "two lines"),
        (bridge(line(), line(name="b")), ("lines", 1, "port"), "two lines"),
        (
            bridge(line(port="tcp://gw"), line(name="b", port="tcp://gw:502/")),
            ("lines", 1, "port"),
            "two lines",
        ),
        (bridge(line(port="tcp://gw:port")), ("lines", 0, "port"), "no address"),
        (bridge(line(switches=[{**SWITCH, "relays": [7, 8, 9]}])), ("lines", 0, "switches", 0, "relays"), "no relay 9"),
        (bridge(line(switches=[{**SWITCH, "relays": []}])), ("lines", 0, "switches", 0, "relays"), "is missing"),
        (bridge(line(switches=[SWITCH, {**SWITCH, "house": "h2"}])), ("lines", 0, "switches"), "belong to both"),
        (bridge(line(switches=[SWITCH]), relays=[RELAYS]), ("relays", 0, "house"), "two phase switches"),
        (bridge(line(meters=[METER, {**METER, "unit": 2}])), ("lines", 0, "meters", 1, "house"), "two meters"),
        (bridge(line(switches=[{**SWITCH, "house": "h9"}])), ("lines", 0, "switches", 0, "house"), "no house"),
        (bridge(line(meters=[{**METER, "house": "h9"}])), ("lines", 0, "meters", 0, "house"), "no house"),
        (
            bridge(line(meters=[{**METER, "model": "pzem_004t", "has_pv": True}])),
            ("lines", 0, "meters", 0, "model"),
            "cannot tell export from import",
        ),
        (bridge(command_keys="short"), ("command_keys",), "5 characters"),
        (bridge(templates="/nowhere/at/all"), ("templates",), "is no folder"),
    ],
)
def test_each_mistake_is_found_where_it_is(settings: BridgeSettings, at: tuple[object, ...], said: str) -> None:
    found = problems(settings, houses={"h1", "h2"})
    errors = [finding for finding in found if finding.severity == "error"]
    assert [finding.at for finding in errors] == [at]
    assert said in f"{errors[0].wrong} {errors[0].remedy}"
    assert errors[0].remedy


def test_a_meter_without_sign_is_refused_where_the_controller_knows_of_solar() -> None:
    blind = bridge(line(meters=[{**METER, "model": "pzem_004t"}]))
    assert problems(blind) == []
    (found,) = problems(blind, may_feed_in={"h1"})
    assert found.severity == "error"
    allowed = bridge(line(meters=[{**METER, "model": "pzem_004t", "allow_unsigned": True}]))
    assert problems(allowed, may_feed_in={"h1"}) == []


def test_a_line_that_cannot_keep_up_is_told_with_figures() -> None:
    meters = [{"house": f"h{unit}", "model": "eastron_sdm630", "unit": unit, "every_s": 1.0} for unit in range(1, 13)]
    (found,) = problems(bridge(line(meters=meters)))
    assert (found.at, found.severity) == (("lines", 0, "baud"), "warning")
    assert "% of its time" in found.wrong
    assert "set every_s of its meters to" in found.remedy
    assert problems(bridge(line(meters=meters, baud=115200))) == []
    assert problems(bridge(line(meters=[{**meter, "every_s": 0.0} for meter in meters]))) == []
    assert problems(bridge(line(port="tcp://gateway", meters=meters))) == []


@pytest.mark.parametrize(
    ("switch", "warned"),
    [(SWITCH, True), ({"house": "h1", "model": "phase_device", "unit": 5}, False)],
    ids=["relays", "a device that changes over by itself"],
)
def test_a_dead_time_too_short_for_contactors_is_told(switch: dict[str, Any], warned: bool) -> None:
    found = problems(bridge(line(switches=[switch]), interlock={"dead_time_s": 0.02}))
    assert [(finding.at, finding.severity) for finding in found] == (
        [(("interlock", "dead_time_s"), "warning")] if warned else []
    )


GOOD = """\
[mqtt]
base_topic = "site/f"
[[bridge.lines]]
name = "a"
port = "/dev/a"
meters = [{ house = "h1", model = "eastron_sdm120", unit = 1 }]
"""


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "firmware-bridge.toml"
    file.write_text(text)
    file.chmod(0o600)
    return file


def test_the_later_layer_wins_and_paths_are_absolute(tmp_path: Path) -> None:
    file = written(tmp_path, GOOD)
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "mqtt.password").write_text("from the credential\n")
    (secrets / "bridge.command_keys").write_text("one key of some length\nanother key of some length\n")
    (secrets / "something else").write_text("of another program")
    environ = {
        "CREDENTIALS_DIRECTORY": str(secrets),
        "STATE_DIRECTORY": "/var/lib/firmware-bridge:/other",
        "FIRMWARE_BRIDGE_MQTT__USER": "bridge",
        "FIRMWARE_BRIDGE_MQTT__PORT": "2883",
        "FIRMWARE_BRIDGE_BRIDGE__INTERLOCK__DWELL_S": "300",
    }
    loaded = examine(file, environ)
    assert loaded.problems == []
    mqtt, found = loaded.configuration.mqtt, loaded.configuration.bridge
    assert (mqtt.user, mqtt.port, mqtt.password.get_secret_value()) == ("bridge", 2883, "from the credential")
    assert found.command_keys.get_secret_value().count("\n") == 1
    assert found.interlock.dwell_s == 300.0
    assert found.state == Path("/var/lib/firmware-bridge/bridge.db")
    assert examine(file, {}).configuration.bridge.state == tmp_path / "bridge.db"


@pytest.mark.parametrize(
    ("text", "environ", "said"),
    [
        ("", {}, ["mqtt.base_topic", "there is nothing to serve"]),
        ("[mqtt", {}, ["is not valid TOML"]),
        (GOOD + "[feeder]\nid = 'x'\n", {}, ["feeder = a table", "belongs to the controller's configuration"]),
        (GOOD.replace("base_topic", "base_topik"), {}, ["did you mean base_topic?"]),
        (
            GOOD.replace("unit = 1", "unit = 400"),
            {},
            ["bridge.lines[0].meters[0].unit = 400", "at most 247 (house h1)"],
        ),
        (GOOD.replace(", unit = 1", ""), {}, ["meters[0].unit", "is missing"]),
        (GOOD.replace('"/dev/a"', '"/dev/a"\nbaud = "fast"'), {}, ['baud = "fast"', "is no whole number"]),
        (GOOD.replace('"/dev/a"', '"/dev/a"\nparity = "odd one"'), {}, ["is none of 'none', 'even' or 'odd'"]),
        ("bridge = 3\n" + GOOD.partition("[[bridge")[0], {}, ["bridge = 3", "is no table"]),
        (GOOD, {"FIRMWARE_BRIDGE_MQTT__HOTS": "x"}, ["did you mean FIRMWARE_BRIDGE_MQTT__HOST?"]),
        (
            GOOD,
            {"FIRMWARE_BRIDGE_MQTT__PORT": "many"},
            ["mqtt.port", "environment variable FIRMWARE_BRIDGE_MQTT__PORT"],
        ),
        (GOOD + "[bridge]\nstate = '.'\n", {}, ["bridge.state", "is a folder"]),
    ],
)
def test_what_is_wrong_with_the_file_is_told(
    text: str, environ: dict[str, str], said: list[str], tmp_path: Path
) -> None:
    loaded = examine(written(tmp_path, text), environ)
    assert not loaded.sound
    told = format_problems(loaded.problems)
    assert [words for words in said if words not in told] == [], told


def test_everything_is_told_at_once_and_only_once(tmp_path: Path) -> None:
    text = GOOD.replace("unit = 1", "unit = 0").replace('"/dev/a"', '"/dev/a"\nbaud = 1') + (
        '[[bridge.lines]]\nname = "a"\nport = "/dev/b"\n'
        'switches = [{ house = "h1", model = "no_such", unit = 4, relays = [1, 2] }]\n'
    )
    loaded = examine(written(tmp_path, text), {})
    assert sorted(problem.key for problem in loaded.problems) == [
        "bridge.lines[0].baud",
        "bridge.lines[0].meters[0].unit",
        "bridge.lines[1].name",
        "bridge.lines[1].switches[0].model",
        "bridge.lines[1].switches[0].relays",
    ]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user can reach (pytest's own cannot be)."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_no_secret_is_shown(open_folder: Path) -> None:
    text = GOOD.replace("[mqtt]", '[mqtt]\npassword = 77123\npasswort = "s3cret"\nhost = "mqtt://u:s3cret@x"') + (
        '[bridge]\ncommand_keys = "s3cret"\n'
    )
    file = written(open_folder, text)
    file.chmod(0o644)
    told = format_problems(examine(file, {}).problems)
    assert "s3cret" not in told
    assert "77123" not in told
    assert "every user of this machine can read" in told


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ('[mqtt]\nuser = "u"\npassword = "s3cret"\n', "mqtt.password"),
        ('[bridge]\ncommand_keys = "0123456789abcdef"\n[mqtt]\n', "bridge.command_keys"),
    ],
)
def test_a_secret_in_a_file_that_everybody_can_read_is_refused(open_folder: Path, more: str, key: str) -> None:
    file = written(open_folder, GOOD.replace("[mqtt]\n", more))
    file.chmod(0o644)
    assert [(found.key, found.severity) for found in examine(file, {}).problems] == [(key, "error")]
    file.chmod(0o640)
    assert examine(file, {}).problems == []
    file.chmod(0o644)
    open_folder.chmod(0o700)
    assert examine(file, {}).problems == []


def test_the_example_passes_its_own_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new"
    assert main(["init", str(folder)]) == 0
    assert main(["check", str(folder / "firmware-bridge.toml")]) == 0
    assert "is good: bridge bridge-1 with 1 lines, 2 meters, 1 phase switches" in capsys.readouterr().out
    assert main(["init", str(folder)]) == 2
    assert "is there already" in capsys.readouterr().err


def test_the_example_with_all_its_lines_switched_on_is_still_good(tmp_path: Path) -> None:
    """What stands behind a comment sign must not be wrong either."""
    assert main(["init", str(tmp_path)]) == 0
    file = tmp_path / "firmware-bridge.toml"
    lines = []
    for text in file.read_text().splitlines():
        bare = text.removeprefix("# ")
        key = bare.partition(" = ")[0]
        shown = text.startswith("# ") and ((" = " in bare and " " not in key) or bare.startswith("[["))
        lines.append(bare if shown else text)
    (tmp_path / "templates").mkdir()
    (tmp_path / "ca.pem").touch()
    file.write_text("\n".join(lines).replace("tls = false", "tls = true"))
    loaded = examine(file, {})
    assert format_problems(loaded.problems) == ""
    assert loaded.configuration.bridge.relays


def test_check_ends_with_2_where_something_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "none.toml")]) == 2
    assert "cannot be read" in capsys.readouterr().out
