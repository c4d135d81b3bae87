"""One line of a benchmark and how it is printed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What took how long, against what, and the limit of the ratio. No limit: printed for information."""

    what: str
    seconds: float
    against: str
    reference_seconds: float
    limit: float | None = None
    at_least: bool = False
    """The ratio must reach the limit instead of staying below it (how many times faster we are)."""

    @property
    def ratio(self) -> float:
        return (
            self.reference_seconds / self.seconds if self.at_least else self.seconds / self.reference_seconds
        )

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


def show(name: str, rows: list[Row]) -> None:
    print(f"\n{name}")
    print(f"{'what':<46} {'seconds':>8}  {'against':<44} {'seconds':>8} {'ratio':>7}  limit")
    for row in rows:
        sign = ">=" if row.at_least else "<="
        limit = "" if row.limit is None else f"{sign} {row.limit:g} {'ok' if row.is_good else 'MISSED'}"
        print(
            f"{row.what:<46} {row.seconds:>8.2f}  {row.against:<44} {row.reference_seconds:>8.2f} "
            f"{row.ratio:>7.2f}  {limit}"
        )
