"""Feeders through worker processes: jobs go out, rows come back as they are done.

Which worker does what changes nothing in the results.
"""

from __future__ import annotations

import multiprocessing
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Final

from edge_balancer.benchmark.options import BenchOptions
from edge_balancer.benchmark.pairwise import Progress
from edge_balancer.benchmark.results import Result
from edge_balancer.benchmark.runs import Wanted, run_feeder
from edge_balancer.benchmark.scenarios import Scenario

_POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Job:
    """A feeder, and what is to be run on it."""

    what: Scenario
    seed: int
    todo: tuple[Wanted, ...]

    def __str__(self) -> str:
        return f"{self.what.name}, seed {self.seed}"


def run_jobs(
    jobs: Sequence[Job],
    options: BenchOptions,
    found: Callable[[Result], None],
    progress: Callable[[str], Progress],
    ended: Callable[[], None],
) -> list[str]:
    """All jobs; `found`, `progress` and `ended`, after each job, are called in this process. `progress` gives where a
    job tells how far it is. Returns what has failed, and how."""
    failures: list[str] = []
    if options.workers == 1 or len(jobs) <= 1:
        for job in jobs:
            failures += run_feeder(job.what, job.seed, job.todo, options, found, progress(str(job)))
            ended()
        return failures
    # Spawned, not forked: the parent may have threads.
    context = multiprocessing.get_context("spawn")
    told: Any = context.Queue()
    with ProcessPoolExecutor(min(options.workers, len(jobs)), context, _begin, (told,)) as workers:
        open_ = {workers.submit(_work, job, options) for job in jobs}
        try:
            while open_:
                done, open_ = wait(open_, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                _drain(told, found, progress)
                for one in done:
                    # What the queue has not brought yet; a row that came twice is the same.
                    rows, failed = one.result()
                    failures += failed
                    for row in rows:
                        found(row)
                    ended()
        except BrokenProcessPool:
            _drain(told, found, progress)
            failures.append("a worker ended before its work, as they do where memory runs out: give fewer --workers")
        except BaseException:
            workers.shutdown(wait=False, cancel_futures=True)
            raise
    return failures


def _drain(told: Any, found: Callable[[Result], None], progress: Callable[[str], Progress]) -> None:
    while True:
        try:
            job, said = told.get_nowait()
        except queue.Empty:
            return
        if isinstance(said, Result):
            found(said)
        else:
            progress(job)(said)


_told: Any = None


def _begin(told: Any) -> None:
    global _told  # noqa: PLW0603 - the one way to hand a queue to a worker of a pool
    _told = told


def _work(job: Job, options: BenchOptions) -> tuple[list[Result], list[str]]:
    rows: list[Result] = []

    def found(row: Result) -> None:
        rows.append(row)
        _told.put((str(job), row))

    failures = run_feeder(job.what, job.seed, job.todo, options, found, lambda text: _told.put((str(job), text)))
    return rows, failures
