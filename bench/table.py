"""What is measured, one line of a benchmark, and how it is printed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """What took how much, against what, and the limit of the ratio. No limit: printed for information."""

    what: str
    measured: float
    against: str
    reference: float
    limit: float | None = None
    at_least: bool = False
    """The ratio must reach the limit instead of staying below it (how many times faster we are)."""
    unit: str = "s"
    """Of both figures."""

    @property
    def ratio(self) -> float:
        return self.reference / self.measured if self.at_least else self.measured / self.reference

    @property
    def is_good(self) -> bool:
        if self.limit is None:
            return True
        return self.ratio >= self.limit if self.at_least else self.ratio <= self.limit


class Stopwatch:
    seconds = 0.0


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Wall seconds of the block."""
    watch, begun = Stopwatch(), time.perf_counter()
    yield watch
    watch.seconds = time.perf_counter() - begun


def watched(
    command: Sequence[str], environment: Mapping[str, str], folder: Path | None = None
) -> tuple[float, float]:
    """Seconds and peak megabytes of a command. Raises RuntimeError with what it said last."""
    with (
        stopwatch() as watch,
        subprocess.Popen(
            command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as run,
    ):
        assert run.stdout is not None
        told = run.stdout.read()
        _, status, usage = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
    if run.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {told.decode()[-2000:]}")
    # Linux counts kilobytes, macOS bytes.
    return watch.seconds, usage.ru_maxrss / (1e3 if sys.platform == "linux" else 1e6)


def show(name: str, rows: list[Row]) -> None:
    print(f"\n{name}")
    print(f"{'what':<46} {'measured':>11}  {'against':<44} {'':>11} {'ratio':>7}  limit")
    for row in rows:
        sign = ">=" if row.at_least else "<="
        limit = "" if row.limit is None else f"{sign} {row.limit:g} {'ok' if row.is_good else 'MISSED'}"
        measured, reference = (f"{value:.2f} {row.unit:<2}" for value in (row.measured, row.reference))
        print(f"{row.what:<46} {measured:>11}  {row.against:<44} {reference:>11} {row.ratio:>7.2f}  {limit}")
