"""The commands and their arguments. Each is wired to the function that does it; nothing is done here.

What a command needs is imported when it is called: `check` must not pay for numpy, nor `run` for what only the demo
uses.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_balancer import __version__
from edge_balancer.arguments import seed_of
from edge_balancer.errors import EdgeBalancerError

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse has no public name for it

DEFAULT_CONFIG: Final = Path("/etc/edge-balancer/edge-balancer.toml")
SERVICE_STATE: Final = Path("/var/lib/edge-balancer")
GOOD, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code: 0 good, 1 failed, 2 wrong usage or configuration."""
    # Before numpy is loaded. Our matrices are small: a second thread gains nothing, and waiting for it on a busy
    # machine made a decision six times as long.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    args = _parser().parse_args(argv)
    if getattr(args, "config", None) == DEFAULT_CONFIG and SERVICE_STATE.is_dir():
        # systemd tells it to the service alone: without it `sudo edge-balancer history` would look for the store beside
        # the configuration.
        os.environ.setdefault("STATE_DIRECTORY", str(SERVICE_STATE))
    try:
        return int(args.run(args))
    except EdgeBalancerError as error:
        print(error, file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-balancer",
        description="Keeps a low-voltage feeder's three phases balanced by moving single-phase houses between them.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_running(commands)
    _add_configuring(commands)
    _add_site(commands)
    _add_doctor(commands)
    _add_records(commands)
    _add_alerts(commands)
    _add_models(commands)
    _add_access(commands)
    _add_backup(commands)
    _add_trying(commands)
    return parser


def _add_running(commands: Commands) -> None:
    run = commands.add_parser("run", help="run the controller (what the service does)")
    _add_config(run)
    run.set_defaults(run=_run)


def _add_configuring(commands: Commands) -> None:
    check = commands.add_parser("check", help="name every problem of a configuration")
    check.add_argument("config", type=Path, help="configuration file")
    check.set_defaults(run=_check)
    init = commands.add_parser("init", help="write a commented example configuration")
    init.add_argument("directory", type=Path, nargs="?", default=Path(), help="where to (default: here)")
    init.set_defaults(run=_init)
    reference = commands.add_parser("reference", help="print the reference of all settings as Markdown")
    reference.set_defaults(run=_reference)


def _add_site(commands: Commands) -> None:
    from edge_balancer.pki.options import add_pki_arguments

    pki = commands.add_parser("pki", help="the site's own certificates, and the broker's access rules")
    _add_config(pki)
    add_pki_arguments(pki)
    pki.set_defaults(run=_pki)


def _add_doctor(commands: Commands) -> None:
    from edge_balancer.doctor.options import add_doctor_arguments

    doctor = commands.add_parser(
        "doctor", help="is all that the controller needs there, and what to do where it is not"
    )
    _add_config(doctor)
    add_doctor_arguments(doctor)
    doctor.set_defaults(run=_doctor)


def _add_records(commands: Commands) -> None:
    export = commands.add_parser(
        "export", help="write stored telemetry, switch events, alerts or the audit trail as CSV, JSON, Parquet"
    )
    export.add_argument("what", choices=("telemetry", "switches", "alerts", "trail"))
    export.add_argument("--format", choices=("csv", "json", "parquet"), default="csv", help="default: %(default)s")
    export.add_argument("--from", dest="start", metavar="TIME", help="ISO 8601 (UTC if no offset) or Unix seconds")
    export.add_argument("--to", dest="end", metavar="TIME", help="as --from; not included")
    export.add_argument("--out", default="-", metavar="FILE", help="default: standard output")
    _add_database(export)
    export.set_defaults(run=_export)

    audit = commands.add_parser("audit", help="check the audit trail")
    steps = audit.add_subparsers(required=True, metavar="STEP")
    verify = steps.add_parser("verify", help="find altered, missing or reordered rows")
    verify.add_argument("--expected-head", metavar="SEQ:HASH", help="a head noted earlier, elsewhere")
    _add_database(verify)
    verify.set_defaults(run=_audit_verify)

    from edge_balancer.identification.options import add_identify_arguments

    identify = commands.add_parser("identify", help="which phase each house is really on, from recorded voltages")
    _add_config(identify)
    add_identify_arguments(identify)
    identify.set_defaults(run=_identify)

    history = commands.add_parser("history", help="print the last moves and why they were made")
    history.add_argument("--limit", type=int, default=20, help="how many (default: %(default)s)")
    history.add_argument("--house", help="of this house only")
    _add_database(history)
    history.set_defaults(run=_history)


def _add_alerts(commands: Commands) -> None:
    from edge_balancer.messenger.options import add_alerts_arguments

    alerts = commands.add_parser("alerts", help="alerts that stand: list, acknowledge, silence; test a channel")
    _add_config(alerts)
    add_alerts_arguments(alerts)
    alerts.set_defaults(run=_alerts)


def _add_access(commands: Commands) -> None:
    from edge_balancer.dashboard.access.options import add_account_arguments, add_token_arguments

    account = commands.add_parser("account", help="who may log in to the page: add, password, role, remove, list")
    _add_config(account)
    add_account_arguments(account)
    account.set_defaults(run=_account)
    token = commands.add_parser("token", help="tokens for programs that use the API: add, remove, list")
    _add_config(token)
    add_token_arguments(token)
    token.set_defaults(run=_token)


def _add_backup(commands: Commands) -> None:
    from edge_balancer.backup.options import add_backup_arguments, add_restore_arguments

    backup = commands.add_parser("backup", help="one archive of settings, records, models and accounts; keys apart")
    _add_config(backup)
    add_backup_arguments(backup)
    backup.set_defaults(run=_backup)
    restore = commands.add_parser("restore", help="put such an archive back; the controller must not be running")
    _add_config(restore)
    add_restore_arguments(restore)
    restore.set_defaults(run=_restore)


def _add_trying(commands: Commands) -> None:
    from edge_balancer.demo.commands import add_demo_arguments, demo_command

    demo = commands.add_parser("demo", help="watch a simulated feeder being balanced over a real broker")
    add_demo_arguments(demo)
    demo.set_defaults(run=demo_command)

    from edge_balancer.planning.options import add_plan_arguments

    plan = commands.add_parser("plan", help="the best fixed assignment from recorded history, and where switches pay")
    _add_config(plan)
    add_plan_arguments(plan)
    plan.set_defaults(run=_plan)

    from edge_balancer.benchmark.options import add_balance_arguments

    bench = commands.add_parser("bench", help="hold the controller against simple rules and perfect foresight")
    benches = bench.add_subparsers(required=True, metavar="BENCH")
    balance = benches.add_parser("balance", help="on simulated feeders: neutral current, operations, share of the best")
    add_balance_arguments(balance)
    balance.set_defaults(run=_bench_balance)

    from edge_balancer.learning.options import add_dataset_arguments, add_train_arguments

    dataset = commands.add_parser("dataset", help="rows to train a forecast on, from the twin or from a site's store")
    _add_config(dataset)
    add_dataset_arguments(dataset)
    dataset.set_defaults(run=_dataset)

    train = commands.add_parser("train", help="train forecasts, judge them in the closed loop, export the best as ONNX")
    _add_config(train)
    add_train_arguments(train)
    train.set_defaults(run=_train)

    replay = commands.add_parser("replay", help="what would the controller have done on recorded readings?")
    replay.add_argument("--config", type=Path, required=True, help="configuration file")
    replay.add_argument("--readings", type=Path, required=True, help="CSV or CSV.GZ with the header t,house,p,q,v")
    replay.add_argument("--out", type=Path, required=True, metavar="DIR", help="where moves.csv and summary.json go")
    replay.add_argument("--latency", type=float, default=0.0, metavar="S", help="seconds between a reading and its use")
    replay.add_argument(
        "--switch-time", type=float, default=2.0, metavar="S", help="seconds a switch takes (default: 2)"
    )
    replay.add_argument("--switch-failures", type=float, default=0.0, metavar="P", help="fraction of moves that fail")
    replay.add_argument(
        "--repair-hours", type=float, default=24.0, metavar="H", help="until a failed switch is repaired"
    )
    replay.add_argument("--seed", type=seed_of, default=1, help="of the failures (default: 1)")
    replay.set_defaults(run=_replay)

    from edge_balancer.simulation.options import add_simulate_arguments
    from edge_balancer.twin.commands import add_twin_parts

    simulate = commands.add_parser("simulate", help="the controller on a simulated feeder, from a scenario file")
    add_simulate_arguments(simulate)
    simulate.set_defaults(run=_simulate)

    twin = commands.add_parser("twin", help="the simulated feeder")
    parts = twin.add_subparsers(required=True, metavar="PART")
    add_twin_parts(parts)


def _add_models(commands: Commands) -> None:
    from edge_balancer.models.options import add_models_arguments

    models = commands.add_parser("models", help="learned forecasts: list, verify, activate, roll back")
    _add_config(models)
    add_models_arguments(models)
    models.set_defaults(run=_models)


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="configuration file (default: %(default)s)")


def _add_database(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="configuration whose store is meant")
    source.add_argument("--database", type=Path, metavar="FILE", help="the store itself, or a copy of it")


def _database(args: argparse.Namespace) -> Path:
    if args.database is not None:
        return Path(args.database)
    from edge_balancer.settings.load import load

    return load(args.config, os.environ).storage.path


def _run(args: argparse.Namespace) -> int:
    from edge_balancer.run import run_command

    return run_command(args.config)


def _check(args: argparse.Namespace) -> int:
    from edge_balancer.settings.commands import check_command

    return check_command(args.config)


def _init(args: argparse.Namespace) -> int:
    from edge_balancer.settings.commands import init_command

    return init_command(args.directory)


def _reference(_args: argparse.Namespace) -> int:
    from edge_balancer.settings.commands import reference_command

    return reference_command()


def _pki(args: argparse.Namespace) -> int:
    from edge_balancer.pki.commands import pki_command

    return pki_command(args)


def _doctor(args: argparse.Namespace) -> int:
    from edge_balancer.doctor.commands import doctor_command

    return doctor_command(args)


def _export(args: argparse.Namespace) -> int:
    from edge_balancer.storage.commands import export_command

    return export_command(_database(args), args.what, args.format, start=args.start, end=args.end, out=args.out)


def _audit_verify(args: argparse.Namespace) -> int:
    from edge_balancer.storage.commands import verify_command

    return verify_command(_database(args), args.expected_head)


def _history(args: argparse.Namespace) -> int:
    from edge_balancer.storage.commands import history_command

    return history_command(_database(args), args.limit, args.house)


def _alerts(args: argparse.Namespace) -> int:
    from edge_balancer.messenger.commands import alerts_command

    return alerts_command(args)


def _account(args: argparse.Namespace) -> int:
    from edge_balancer.dashboard.access.commands import account_command

    return account_command(args)


def _token(args: argparse.Namespace) -> int:
    from edge_balancer.dashboard.access.commands import token_command

    return token_command(args)


def _models(args: argparse.Namespace) -> int:
    from edge_balancer.models.commands import models_command

    return models_command(args)


def _backup(args: argparse.Namespace) -> int:
    from edge_balancer.backup.commands import backup_command

    return backup_command(args)


def _restore(args: argparse.Namespace) -> int:
    from edge_balancer.backup.commands import restore_command

    return restore_command(args)


def _replay(args: argparse.Namespace) -> int:
    from edge_balancer.replay.commands import replay_command
    from edge_balancer.replay.run import ReplayOptions

    options = ReplayOptions(args.latency, args.switch_time, args.switch_failures, args.repair_hours, args.seed)
    return replay_command(args.config, args.readings, args.out, options)


def _simulate(args: argparse.Namespace) -> int:
    from edge_balancer.simulation.commands import simulate_command

    return simulate_command(args)


def _plan(args: argparse.Namespace) -> int:
    from edge_balancer.planning.commands import plan_command

    return plan_command(args)


def _bench_balance(args: argparse.Namespace) -> int:
    from edge_balancer.benchmark.commands import balance_command

    return balance_command(args)


def _dataset(args: argparse.Namespace) -> int:
    from edge_balancer.learning.commands import dataset_command

    return dataset_command(args)


def _train(args: argparse.Namespace) -> int:
    from edge_balancer.learning.commands import train_command

    return train_command(args)


def _identify(args: argparse.Namespace) -> int:
    from edge_balancer.identification.commands import identify_command

    return identify_command(args)
