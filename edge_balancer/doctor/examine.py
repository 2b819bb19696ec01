"""Everything that is looked at, in the order in which it is told. A check that fails itself is a finding too: the
doctor always comes to its end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_balancer.clock import Clock
from edge_balancer.doctor import broker, disk, field, lines, machine, others, unit
from edge_balancer.doctor.findings import Finding, Level, fail, ok, warn
from edge_balancer.doctor.listening import Heard, listen
from edge_balancer.settings.check import examine as examine_settings
from edge_balancer.settings.root import Configuration
from edge_balancer.wire import Topics


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found. `config` is None where it cannot be used."""

    findings: tuple[Finding, ...]
    config: Configuration | None
    heard: Heard


def examine(
    path: Path,
    environ: Mapping[str, str],
    clock: Clock,
    *,
    listen_s: float,
    root: Path = Path("/"),
    credentials: Path | None = None,
) -> Examination:
    """Look at the machine below `root`, the configuration, the broker, and listen there for `listen_s` at most.

    `credentials` is a folder as systemd hands it to the service.
    """
    found: list[Finding] = []
    heard = Heard()
    judged = examine_settings(path, environ, credentials)
    config = judged.configuration
    for problem in judged.problems:
        level = fail if problem.severity == "error" else warn
        found.append(level("configuration", f"{problem.key} = {problem.value} {problem.wrong}".strip(), problem.remedy))
    if not judged.problems:
        found.append(ok("configuration", f"{path}: in order"))
    for check in (machine.versions, lambda: machine.clock(clock, root), lambda: machine.power(root)):
        found += _safely(check)
    found += _safely(lambda: machine.memory(config, root))
    if config is None:
        return Examination(tuple(found), None, heard)
    for look in (disk.disk, disk.store, disk.files):
        found += _safely(lambda look=look: look(config))  # type: ignore[misc]
    reach = _safely(lambda: broker.connection(config, clock.wall()))
    found += reach
    if reach and reach[0].level is Level.OK:
        heard = listen(config, clock, listen_s)
        found += _after_listening(config, heard, listen_s)
    running = heard.retained.get(Topics(config).availability) == b"online"
    found += _safely(lambda: lines.lines(config, root, unit.installed()))
    found += _safely(lambda: others.model(config))
    found += _safely(lambda: others.page(config, running))
    found += _safely(lambda: others.contacts(config))
    return Examination(tuple(found), config, heard)


def _after_listening(config: Configuration, heard: Heard, listen_s: float) -> list[Finding]:
    paired = _safely(lambda: broker.connections(heard))
    if heard.problem and heard.one_client:
        return paired
    if heard.problem:
        remedy = "check mqtt.user, its password, and the broker's access rules; its own log says why"
        if os.geteuid() != 0:
            remedy += "; as root the doctor reads the service's credentials too"
        return [fail("broker", f"it lets the controller not in: {heard.problem}", remedy)]
    found = paired + _safely(lambda: broker.access(config, heard))
    found += _safely(lambda: field.controller(config, heard))
    found += _safely(lambda: field.meters(config, heard, listen_s))
    return found + _safely(lambda: field.switches(config, heard))


def _safely(check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(check())
    except Exception as error:  # noqa: BLE001 - one check must not hide the others
        found.append(warn("doctor", f"a check could not be made: {error!r}", "please report it, with --bundle"))
    return found
