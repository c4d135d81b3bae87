"""How long a person waits at the prompt: help, and a question to a mart, against the promised seconds."""

from __future__ import annotations

import subprocess

from bench.published import AIMARKET, published, settled
from bench.table import Row, stopwatch

REPEATS = 5


def measure() -> list[Row]:
    ask = ["sql", "select * from marts.h100_rental_decline"]
    return [
        Row("aimarket --help", _best([AIMARKET, "--help"]), "promised seconds", 0.5, 1.0),
        Row(
            "aimarket sql, a mart of the bundled history",
            _best([AIMARKET, *ask]),
            "promised seconds",
            1.0,
            1.0,
        ),
    ]


def _best(command: list[str]) -> float:
    """The fastest of some runs: the rest is the machine's noise."""
    environment, seconds = settled(published()), []
    for _ in range(REPEATS):
        with stopwatch() as watch:
            subprocess.run(command, env=environment, check=True, capture_output=True)
        seconds.append(watch.seconds)
    return min(seconds)
