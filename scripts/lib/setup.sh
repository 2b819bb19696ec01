# What ./scripts/demo, ./scripts/test and ./scripts/install share: find a Python, get uv, install from uv.lock, find a broker.
# Sourced, not run. Every function says in one line what it does to the machine; nothing outside this folder is touched
# without root, and with root only Debian packages are added.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TOOLS=$ROOT/.tools
UV_VERSION=0.13.9
# Debian keeps mosquitto in /usr/sbin, which is not on an ordinary user's path.
export PATH="$PATH:/usr/sbin:/sbin"

say() { printf '==> %s\n' "$*"; }
warn() { printf '==> %s\n' "$*" >&2; }
die() {
    printf '==> Cannot go on: %s\n' "$1" >&2
    shift
    printf '    %s\n' "$@" >&2
    exit 1
}

is_root() { [ "$(id -u)" -eq 0 ]; }
has() { command -v "$1" >/dev/null 2>&1; }

# Debian packages, with root only. The package lists are fetched where they are missing or too old to serve.
apt_install() {
    local log
    is_root && has apt-get || return 1
    log=$(mktemp)
    if DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "$@" >"$log" 2>&1 ||
        { apt-get -qq update >>"$log" 2>&1 &&
            DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "$@" >>"$log" 2>&1; }; then
        rm -f "$log"
        return 0
    fi
    warn "apt-get could not install $*; its last words:"
    tail -n 3 "$log" >&2
    rm -f "$log"
    return 1
}

# Sets PYTHON_BIN to the interpreter to use: $PYTHON, else python3.
find_python() {
    local wanted=${PYTHON:-python3}
    if ! has "$wanted"; then
        [ -z "${PYTHON:-}" ] && is_root && say "Installing Python (apt-get install python3)" && apt_install python3
        has "$wanted" || die "there is no $wanted." "Install Python 3.11 or newer (Debian: sudo apt install python3), or name one: PYTHON=/path/to/python3 $0"
    fi
    PYTHON_BIN=$("$wanted" -c 'import sys; print(sys.executable)') || die "$wanted does not start."
    "$PYTHON_BIN" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "$PYTHON_BIN is Python $("$PYTHON_BIN" -c 'import platform; print(platform.python_version())'); 3.11 or newer is needed." \
            "Name a newer one: PYTHON=/path/to/python3 $0"
    "$PYTHON_BIN" -c 'import sys; sys.exit(sys.maxsize < 2**32)' ||
        die "this is a 32-bit Python, and numpy has no 32-bit wheels." "Use a 64-bit system: Raspberry Pi OS (64-bit), on a Pi 3 or newer."
}

# Sets UV to uv: the one on the path, else ours in .tools, installed by pip as the machine configures pip.
get_uv() {
    UV=$(command -v uv || true)
    if [ -n "$UV" ] && _at_least "$("$UV" --version | cut -d' ' -f2)" 0.8; then
        return
    fi
    local home=$TOOLS/uv-$UV_VERSION
    UV=$home/bin/uv
    [ -x "$UV" ] && "$UV" --version >/dev/null 2>&1 && return
    say "Fetching uv $UV_VERSION, the installer, into $TOOLS (pip)"
    rm -rf "$home"
    mkdir -p "$TOOLS"
    if ! _has_venv && ! _has_pip && is_root; then
        say "Installing python3-venv (apt-get), which Debian's Python needs to make environments"
        apt_install python3-venv || true
    fi
    if _has_venv; then
        "$PYTHON_BIN" -m venv "$home" && "$home/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
    elif _has_pip; then
        "$PYTHON_BIN" -m pip install --quiet --disable-pip-version-check --no-warn-script-location --target "$home" "uv==$UV_VERSION"
    else
        die "$PYTHON_BIN can neither make environments nor install packages." \
            "Run: sudo apt install python3-venv" "or name another Python: PYTHON=/path/to/python3 $0"
    fi || {
        rm -rf "$home"
        die "pip could not install uv (its message is above)." "Is there a network? Behind a proxy or a mirror, configure pip as usual, or install uv yourself and put it on the path."
    }
}

_has_venv() { "$PYTHON_BIN" -c 'import ensurepip, venv; ensurepip.version()' >/dev/null 2>&1; }
_has_pip() { "$PYTHON_BIN" -m pip --version >/dev/null 2>&1; }
_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# uv as this project uses it: the interpreter found above and no other, the system's certificates, a cache that can be written.
run_uv() {
    local home=${HOME:-}
    if [ -z "${UV_CACHE_DIR:-}" ] && { [ -z "$home" ] || [ ! -w "$home" ]; }; then
        export UV_CACHE_DIR=$TOOLS/uv-cache
    fi
    [ -e /etc/ssl/certs/ca-certificates.crt ] && export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-true}
    env -u VIRTUAL_ENV UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1 "$UV" "$@"
}

# What an environment depends on; the same text means that nothing needs to be done.
_fingerprint() {
    cat "$ROOT/uv.lock" "$ROOT/pyproject.toml" | sha256sum | cut -d' ' -f1
    "$PYTHON_BIN" -c 'import platform, sys; print(platform.python_version(), platform.machine(), sys.base_prefix)'
    printf '%s\n' "$ROOT"
}

# prepare_environment demo|test: makes .venv hold exactly what uv.lock says for it. "test" contains "demo".
prepare_environment() {
    local what=$1 venv=$ROOT/.venv stamp fingerprint
    mkdir -p "$TOOLS" 2>/dev/null || true
    if [ ! -w "$TOOLS" ] || { [ -e "$venv" ] && [ ! -w "$venv" ]; }; then
        die "this folder's .tools or .venv cannot be written; another user (root, with sudo?) made it." \
            "Run: sudo chown -R $(id -un) $TOOLS $venv"
    fi
    # Two at a time would break each other's installation.
    exec 9>"$TOOLS/setup.lock"
    flock 9
    fingerprint=$(_fingerprint)
    for stamp in "$venv/.setup-test" "$venv/.setup-$what"; do
        if [ -x "$venv/bin/python" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$fingerprint" ]; then
            exec 9>&-
            return
        fi
    done
    get_uv
    rm -f "$venv"/.setup-*
    say "Installing from uv.lock into .venv, for $("$PYTHON_BIN" -V) (a minute or two the first time)"
    # What somebody has added to the environment stays: the demo needs little, and takes nothing away.
    local -a extras=(--extra demo --no-dev --inexact)
    [ "$what" = test ] && extras=(--all-extras --group dev)
    run_uv sync --quiet --locked --project "$ROOT" --python "$PYTHON_BIN" "${extras[@]}" ||
        die "uv could not install the packages (its message is above)." \
            "Is there a network? Run the same command again: it continues where it stopped."
    printf '%s\n' "$fingerprint" >"$venv/.setup-$what"
    exec 9>&-
}

# A real MQTT broker where one can be had: Mosquitto. Without it the demo and the tests use amqtt, inside their own process.
prepare_broker() {
    if has mosquitto; then
        has mosquitto_pub || { is_root && apt_install mosquitto-clients; } || true
        return
    fi
    if is_root && has apt-get; then
        say "Installing Mosquitto, the MQTT broker (apt-get install mosquitto mosquitto-clients); its system service stays off"
        _install_stopped mosquitto.service mosquitto mosquitto-clients && return
    fi
    say "Mosquitto is not installed, so amqtt, a broker in Python, is used: good for trying, not for production (sudo apt install mosquitto)"
}

# Programs by others that judge what we do, for the tests; those that need one skip where it is missing.
prepare_witnesses() {
    _witness mbpoll "a Modbus master, reads the simulated meters" apt_install mbpoll
    _witness strace "watches which files and sockets a program uses" apt_install strace
    _witness openssl "makes certificates" apt_install openssl
    _witness chromium "a browser, opens the page" apt_install chromium
    _witness promtool "Prometheus's own judge of metrics" _install_stopped prometheus.service prometheus
}

_witness() { # program, what it is for, what installs it...
    has "$1" && return
    if is_root && has apt-get; then
        say "Installing ${*: -1}, $2 in the tests (apt-get install ${*: -1})"
        "${@:3}" && return
    fi
    say "$1 is not installed: the tests that need it ($2) are skipped (sudo apt install ${*: -1})"
}

# What a run may rely on must be there: without one of these programs tests would be skipped, and the run pass all the same. In CI
# (CI is set), and where root can install them, a missing one fails the run. Whoever sets TESTS_REQUIRE, to nothing too,
# decides alone.
require_witnesses() { # true where the linters are wanted too; what makes Debian machines, where they are wanted
    [ -z "${TESTS_REQUIRE+set}" ] || return 0
    [ -n "${CI:-}" ] || { is_root && has apt-get; } || return 0
    TESTS_REQUIRE=mosquitto,mosquitto_pub,mosquitto_passwd,openssl,mbpoll,chromium,promtool,strace
    if $1; then TESTS_REQUIRE+=,npm,node,axe; fi
    if [ -n "${2:-}" ] && is_root; then TESTS_REQUIRE+=,$2; fi
    export TESTS_REQUIRE
}

# The linters of the page come from the npm registry.
prepare_page_linters() {
    has npm && return
    if is_root && has apt-get; then
        say "Installing Node.js and npm, for the linters of the page (apt-get install nodejs npm)"
        apt_install nodejs npm && return
    fi
    say "npm is not installed: HTML, CSS and JavaScript are not linted (sudo apt install nodejs npm)"
}

# What makes the Debian machines on which the package is tried, and lets an arm64 one run on a PC.
prepare_machines() { # what they need, a list with commas
    local tool
    for tool in mmdebstrap qemu-aarch64-static update-binfmts arch-test; do
        if ! has "$tool" && is_root && has apt-get; then
            say "Installing mmdebstrap, qemu-user-static and arch-test, which make Debian machines for the tests (apt-get install)"
            apt_install mmdebstrap qemu-user-static binfmt-support arch-test || true
            break
        fi
    done
    case ,$1, in *,binfmt-aarch64,*) _know_arm64 ;; esac
}

# Debian's package tells the kernel which emulator runs arm64 programs, but where the place to tell it (binfmt_misc) was not mounted
# then, as in most containers, the kernel does not know until somebody mounts it and says so again.
_know_arm64() {
    local known=/proc/sys/fs/binfmt_misc
    is_root && has update-binfmts || return 0
    [ ! -e "$known/qemu-aarch64" ] || return 0
    say "Telling the kernel to run arm64 programs in the emulator (binfmt_misc), until the next boot"
    [ -e "$known/register" ] || mount -t binfmt_misc binfmt_misc "$known" || true
    update-binfmts --enable qemu-aarch64 || true
    [ -e "$known/qemu-aarch64" ] ||
        warn "arm64 programs do not run here: this machine lets nobody mount binfmt_misc, or knows no emulator for them"
}

# The Debian packages of servers start them and enable them at boot. Nobody asked for that here: while a package is
# installed its service is masked (until the next boot at most), and afterwards it is left disabled.
_install_stopped() { # service, packages...
    local service=$1 systemd=false done=0
    shift
    if has systemctl && [ -d /run/systemd/system ]; then
        systemd=true
        systemctl --quiet --runtime mask "$service" 2>/dev/null || true
    fi
    # RUNLEVEL=1 is the same request to invoke-rc.d on a machine without systemd.
    RUNLEVEL=1 apt_install "$@" || done=1
    if $systemd; then
        systemctl --quiet --runtime unmask "$service" 2>/dev/null || true
        systemctl --quiet disable "$service" 2>/dev/null || true
    fi
    return "$done"
}
