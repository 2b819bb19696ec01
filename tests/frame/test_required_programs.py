"""Tests skip where a program is missing, but never in silence where somebody relies on them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.required_programs import VARIABLE, missing

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("required", "lacking"),
    [
        ("", []),
        ("sh", []),
        ("sh, no-such-program ,sh,another-one", ["no-such-program", "another-one"]),
        (",,", []),
    ],
)
def test_what_is_required_and_not_there_is_named(required: str, lacking: list[str]) -> None:
    assert missing({VARIABLE: required, "PATH": os.environ["PATH"]}) == lacking
    assert missing({}) == []


@pytest.mark.parametrize(("required", "code"), [("sh", 0), ("no-such-program", 4)])
def test_a_run_that_would_skip_what_is_required_fails_before_its_first_test(required: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests/frame/test_logs.py"],
        cwd=ROOT,
        env={**os.environ, VARIABLE: required},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert ("no-such-program: required by" in done.stdout + done.stderr) is (code != 0)


@pytest.mark.parametrize(
    ("root", "ci", "given", "lint", "says"),
    [
        pytest.param(True, "", None, False, "chromium", id="root can install them"),
        pytest.param(False, "true", None, False, "promtool", id="CI"),
        pytest.param(False, "true", None, True, "axe", id="CI with the linters"),
        pytest.param(False, "", None, True, None, id="a developer goes without"),
        pytest.param(True, "true", "sh", True, "sh", id="somebody has decided"),
        pytest.param(True, "true", "", True, "", id="somebody wants nothing"),
    ],
)
def test_the_script_requires_them_in_ci_and_where_root_can_install_them(
    root: bool, ci: str, given: str | None, lint: bool, says: str | None
) -> None:
    environ = {"PATH": os.environ["PATH"], "CI": ci} | ({} if given is None else {VARIABLE: given})
    steps = (
        f". {ROOT}/scripts/lib/setup.sh; is_root() {{ {str(root).lower()}; }}; has() {{ true; }}; "
        f'require_witnesses {str(lint).lower()}; printf %s "${{{VARIABLE}-unset}}"'
    )
    said = subprocess.run(["bash", "-euc", steps], env=environ, capture_output=True, text=True, check=True).stdout
    if given is None and says is not None:
        assert says in said.split(",")
        assert ("axe" in said.split(",")) is lint
    else:
        assert said == ("unset" if says is None else says)


@pytest.mark.parametrize("root", [True, False])
def test_what_makes_debian_machines_is_required_of_root_alone(root: bool) -> None:
    steps = (
        f". {ROOT}/scripts/lib/setup.sh; is_root() {{ {str(root).lower()}; }}; has() {{ true; }}; "
        f'require_witnesses false mmdebstrap; printf %s "${VARIABLE}"'
    )
    environ = {"PATH": os.environ["PATH"], "CI": "true"}
    said = subprocess.run(["bash", "-euc", steps], env=environ, capture_output=True, text=True, check=True).stdout
    assert ("mmdebstrap" in said.split(",")) is root


def test_the_linter_of_the_page_fails_without_npm_where_npm_is_required(tmp_path: Path) -> None:
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
    lint = ["/bin/bash", str(ROOT / "scripts" / "page" / "lint")]
    for required, code in (("", 0), ("chromium,npm", 1)):
        done = subprocess.run(
            lint, env={"PATH": str(tmp_path), VARIABLE: required}, capture_output=True, text=True, check=False
        )
        assert (done.returncode, "npm is not installed" in done.stderr) == (code, True)
