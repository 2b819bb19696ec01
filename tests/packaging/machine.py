"""A fresh Debian machine with its own systemd, made of a folder and namespaces: no container engine, no emulator.

For the tests of the package. What is real in it: systemd as process 1 with services, credentials, system call filters,
device rules and the watchdog. What is not: a kernel of its own, hardware, udev, limits of memory. It has no network but
its loopback.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
CACHE: Final = ROOT / ".tools" / "debian"
"""Fresh roots are kept here; remove the folder to have them made anew."""
PYTHONS: Final = {"bookworm": "3.11", "trixie": "3.13"}
UP_WITHIN_S: Final = 180.0
_PACKAGES: Final = (
    "systemd,systemd-sysv,systemd-timesyncd,dbus,udev,ca-certificates,tzdata,python3,mosquitto,mosquitto-clients"
)
"""What a Debian machine has, what our package depends on, and a broker."""
_TOOLS: Final = ("mmdebstrap", "losetup", "unshare", "nsenter", "dpkg-deb", "tar", "git")
_QUIET: Final = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "dpkg-db-backup.timer",
)
_BOOT: Final = """
R=$1; DISK=$2; FIXED=$3; hostname edge-test; ip link set lo up 2>/dev/null || true
mount --rbind "$R" "$R"; mount -t proc proc "$R/proc"
# Nothing here may change the machine that runs the test.
mount --bind "$R/proc/sys" "$R/proc/sys"; mount -o remount,bind,ro "$R/proc/sys"
mount -t sysfs -o ro sysfs "$R/sys"; mount -t cgroup2 cgroup2 "$R/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$R/dev"; mkdir -p "$R/dev/pts" "$R/dev/shm"
for d in null zero full random urandom tty; do touch "$R/dev/$d"; mount --bind "/dev/$d" "$R/dev/$d"; done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$R/dev/pts"
ln -s pts/ptmx "$R/dev/ptmx"; ln -s /proc/self/fd "$R/dev/fd"
mount -t tmpfs tmpfs "$R/dev/shm"; mount -t tmpfs -o mode=755 tmpfs "$R/run"; mount -t tmpfs tmpfs "$R/tmp"
# Not below /dev: without udev systemd would wait for ever for a device there.
if [ -n "$DISK" ]; then mkdir -p "$R/disk"; touch "$R/disk/data"; mount --bind "$DISK" "$R/disk/data"; fi
mkdir -p "$R/.old"; cd "$R"; pivot_root . .old; umount -l /.old; cd /
# As an init system without a container manager above it would do; without it credentials never reach a service.
mount --make-rshared /
[ -z "$FIXED" ] || mount -o remount,bind,ro /
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd systemd.show_status=no </dev/null
"""


def missing() -> str:
    """Why no such machine can be made here, with the remedy; empty where it can."""
    if os.geteuid() != 0:
        return "booting a Debian root needs root: sudo ./scripts/test --system"
    lacking = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if lacking:
        return f"there is no {', '.join(lacking)}: sudo apt install mmdebstrap util-linux dpkg tar git"
    if _cgroups() is None:
        return "cgroup v2 is not mounted: systemd cannot be booted in namespaces here"
    probe = subprocess.run(
        ["unshare", "--pid", "--mount", "--net", "--cgroup", "--fork", "true"],
        check=False,
        capture_output=True,
        text=True,
    )
    return f"namespaces cannot be made here: {probe.stderr.strip()}" if probe.returncode else ""


def fresh_root(suite: str, into: Path, arch: str = "amd64", packages: str = _PACKAGES) -> Path:
    """A new Debian root in `into`; the first of a suite is fetched from Debian's mirror and kept."""
    name = f"{suite}-{arch}-{zlib.crc32(packages.encode()):08x}"
    archive = CACHE / f"{name}.tar"
    if not archive.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        partial = CACHE / f"{name}.partial.tar"
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--architectures={arch}", f"--include={packages}"]
        subprocess.run([*command, suite, str(partial)], check=True)
        partial.rename(archive)
    into.mkdir(parents=True)
    subprocess.run(["tar", "-C", str(into), "--exclude=./dev/*", "-xpf", str(archive)], check=True)
    (into / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    for unit in _QUIET:
        (into / "etc/systemd/system" / unit).symlink_to("/dev/null")
    return into


class Machine:
    """A booted root. `run` executes in it as root, beside its services."""

    def __init__(self, root: Path, first: int) -> None:
        self.root = root
        self._first = first

    def run(self, command: str, *, check: bool = True, timeout_s: float = 300.0) -> subprocess.CompletedProcess[str]:
        """Run a line of shell. Raises AssertionError with all it said where it fails and `check` is set."""
        done = subprocess.run(
            ["nsenter", "-t", str(self._first), "-m", "-u", "-i", "-n", "-p", "-C", "--", "/bin/bash", "-c", command],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def said(self, command: str) -> str:
        """What a command prints, without the last line's end."""
        return self.run(command).stdout.rstrip("\n")

    def until(self, command: str, within_s: float = 90.0) -> str:
        """Wait until a command succeeds; returns what it printed. Raises AssertionError with the journal's end."""
        end = time.monotonic() + within_s
        while True:
            done = self.run(command, check=False)
            if done.returncode == 0:
                return done.stdout.rstrip("\n")
            if time.monotonic() > end:
                raise AssertionError(
                    f"not within {within_s:g} s: {command}\n{done.stdout}{done.stderr}\n{self.journal()}"
                )
            time.sleep(0.5)

    def journal(self, unit: str = "", lines: int = 60) -> str:
        named = f"-u {unit}" if unit else ""
        return self.run(f"journalctl --no-pager -o short-monotonic -n {lines} {named}", check=False).stdout

    def put(self, file: Path, where: str) -> None:
        """Copy a file into it."""
        target = self.root / where.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


@contextmanager
def booted(root: Path, disk: Path | None = None, *, read_only: bool = False) -> Iterator[Machine]:
    """Boot a root; at the end everything in it is killed at once, as by a mains failure.

    The image in `disk` is in there as the disk `/disk/data`. With `read_only` the root is mounted so.
    """
    with _attached(disk) as device:
        yield from _booted(root, device, read_only)


@contextmanager
def _attached(image: Path | None) -> Iterator[str]:
    """The image as a disk of this machine."""
    if image is None:
        yield ""
        return
    made = subprocess.run(["losetup", "--find", "--show", str(image)], check=True, capture_output=True, text=True)
    device = made.stdout.strip()
    try:
        yield device
    finally:
        # It goes with the last that has it mounted; until then nobody else may write to the image.
        subprocess.run(["losetup", "--detach", device], check=True)
        end = time.monotonic() + UP_WITHIN_S
        while subprocess.run(["losetup", "--associated", str(image)], check=True, capture_output=True).stdout:
            assert time.monotonic() < end, f"{device} is still in use"
            time.sleep(0.1)


def _booted(root: Path, device: str, read_only: bool) -> Iterator[Machine]:
    above = _cgroups()
    assert above is not None, "missing() was not asked"
    group = above / f"edge-balancer-test-{os.getpid()}-{root.name}"
    group.mkdir()
    # It joins the group first, so that the systemd inside sees, and may touch, nothing above it.
    process = subprocess.Popen(
        [
            "/bin/sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(group),
            "unshare", "--pid", "--mount", "--uts", "--ipc", "--cgroup", "--net", "--fork", "--kill-child",
            "--propagation", "private", "/bin/bash", "-euc", _BOOT, "boot", str(root), device,
            "fixed" if read_only else "",
        ],
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield _when_up(process, root)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        _remove(group)


def _when_up(process: subprocess.Popen[bytes], root: Path) -> Machine:
    end = time.monotonic() + UP_WITHIN_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(f"systemd in {root} ended with {process.returncode}")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if children and Path(f"/proc/{children[0]}/comm").read_text().strip() == "systemd":
            machine = Machine(root, int(children[0]))
            if machine.run("systemctl is-system-running", check=False).stdout.strip() in {"running", "degraded"}:
                return machine
        time.sleep(0.5)
    raise AssertionError(f"systemd in {root} was not up within {UP_WITHIN_S:g} s")


def _cgroups() -> Path | None:
    for folder in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")):
        if (folder / "cgroup.procs").exists() and (folder / "cgroup.controllers").exists():
            return folder
    return None


def _remove(group: Path) -> None:
    """The killed processes leave their groups a moment later."""
    end = time.monotonic() + 20.0
    while group.exists() and time.monotonic() < end:
        for folder in sorted((entry for entry in group.rglob("*") if entry.is_dir()), reverse=True):
            with suppress(OSError):
                folder.rmdir()
        with suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.1)
