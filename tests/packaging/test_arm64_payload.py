"""What the package for a Raspberry Pi contains runs on its processor, here emulated: the demo, for a simulated hour.

Needs root and an emulator that the kernel knows (binfmt_misc); twenty minutes for each of the two Pythons.
"""

from __future__ import annotations

import platform
import re
import subprocess
from pathlib import Path

import pytest

from tests.packaging.builds import build, clone
from tests.packaging.machine import PYTHONS, fresh_root, missing

_PACKAGES = "tzdata,python3,libstdc++6,mosquitto"
_ENTER = """
R=$1; shift; ip link set lo up
for d in null zero urandom; do touch "$R/dev/$d"; mount --bind "/dev/$d" "$R/dev/$d"; done
mount -t proc proc "$R/proc"; mount -t tmpfs tmpfs "$R/tmp"
exec chroot "$R" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"
"""


def lacking() -> str:
    """Why an arm64 program cannot be run here, with the remedy; empty where it can."""
    if reason := missing():
        return reason
    if platform.machine() == "aarch64":
        return ""
    known = Path("/proc/sys/fs/binfmt_misc")
    if known.is_dir() and any(entry.name.startswith("qemu-aarch64") for entry in known.iterdir()):
        return ""
    return (
        "arm64 programs do not run here: sudo apt install qemu-user-static binfmt-support arch-test, and where it is "
        "missing: sudo mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc"
    )


pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.skipif(bool(lacking()), reason=lacking() or "-"),
]


def inside(root: Path, *command: str, timeout_s: float) -> str:
    """Run a program of the root, with a loopback of its own; its output. Raises AssertionError where it fails."""
    done = subprocess.run(
        [
            "unshare", "--pid", "--mount", "--net", "--fork", "--kill-child", "/bin/bash", "-euc", _ENTER, "enter",
            str(root), *command,
        ],
        capture_output=True, text=True, check=False, timeout=timeout_s, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("suite", sorted(PYTHONS))
def test_the_payload_for_a_pi_balances_a_feeder_for_an_hour(
    suite: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    built = build(clone(tmp_path / "source"), suite, tmp_path / "dist", "arm64")
    root = fresh_root(suite, tmp_path / suite, "arm64", _PACKAGES)
    subprocess.run(["dpkg-deb", "--extract", str(built.file), str(root)], check=True)
    program = "/usr/bin/edge-balancer"
    python = inside(
        root,
        "/opt/edge-balancer/venv/bin/python3",
        "-c",
        "import platform as p; print(p.machine(), p.python_version())",
        timeout_s=120,
    )
    assert python.startswith(f"aarch64 {PYTHONS[suite]}.")
    # Every compiled part is loaded, those too that the demo has no need of.
    inside(
        root,
        "/opt/edge-balancer/venv/bin/python3",
        "-c",
        "import argon2, msgspec, numpy, onnxruntime, pydantic, aiohttp, starlette, uvicorn, pymodbus, twilio.rest",
        timeout_s=600,
    )
    # Slowly: under emulation a step takes a tenth of a second, and answers must come within their time.
    said = inside(root, program, "demo", "--plain", "--minutes", "60", "--houses", "12", "--speed", "4", timeout_s=3600)
    with capsys.disabled():
        print(f"\n{suite}, {python.strip()}:\n{said[-1500:]}")  # noqa: T201 - what the hour came to is to be read
    assert "· mosquitto" in said, said[:300]
    operations = re.search(r"Operations: (\d+)", said)
    assert operations is not None, said[-1000:]
    assert int(operations[1]) >= 1, said
    assert "Switches failed 0 times and rejected 0 commands" in said, said
