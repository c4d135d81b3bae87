"""What a run tells while it works. The silent one serves schedules; the command line draws its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.loading import Result


class Progress:
    """Says nothing, remembers the results. Subclasses show them."""

    def __init__(self) -> None:
        self.results: list[Result] = []

    def begin_fetch(self, source_ids: Sequence[str]) -> None:
        """These sources are about to be fetched."""

    def step(self, source_id: str, step: str) -> None:
        """A source does something new; called from many threads."""

    def finish(self, result: Result) -> None:
        """A source is done."""
        self.results.append(result)

    def begin_build(self, node_count: int) -> None:
        """dbt is about to build that many models, seeds and tests."""

    def advance_build(self) -> None:
        """dbt finished one of them."""
