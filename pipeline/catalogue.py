"""The list of sources: what each gives, on which terms, and what came of it last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pipeline.freshness import sights
from pipeline.registry import Source, all_sources
from pipeline.resources import missing_secrets
from warehouse.settings import settings


@dataclass(frozen=True)
class Listing:
    """A source with what came of its last fetch: complete, unchanged or failed; never, or history."""

    source: Source
    key_is_set: bool | None
    """None where it needs no key."""
    last_outcome: str
    last_attempt_at: datetime | None
    last_row_count: int | None

    def flat(self) -> dict[str, Any]:
        """One level of names, the source's own first."""
        state = {name: value for name, value in asdict(self).items() if name != "source"}
        return asdict(self.source) | {"domains": self.source.domains} | state


def listings() -> list[Listing]:
    """Every registered source, in the order of the registry."""
    seen = sights(settings(), list(all_sources()))
    return [
        Listing(
            source,
            not missing_secrets(source) if source.key_env else None,
            seen[source.source_id].outcome or ("never" if source.is_live else "history"),
            seen[source.source_id].attempted_at,
            seen[source.source_id].rows,
        )
        for source in all_sources().values()
    ]


def as_markdown(sources: Iterable[Source]) -> str:
    """A count and a table of what the registry says; README.md holds them between its markers."""
    listed = list(sources)
    live = [source for source in listed if source.is_live]
    by_domain = Counter(domain for source in live for domain in source.domains).most_common()
    keyless = sum(not source.key_env for source in live)
    lines = [
        f"Live sources: {len(live)}, of them without a key: {keyless}; histories: {len(listed) - len(live)}.",
        f"Live by domain, some in two: {', '.join(f'{domain} {count}' for domain, count in by_domain)}.",
        "",
        "| source | domain | kind | publisher | licence | may be passed on | something new every | key |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for source in listed:
        cells = (
            f"`{source.source_id}`",
            ", ".join(source.domains),
            source.kind,
            f"[{source.publisher}]({source.url.partition('{')[0]})",
            source.license,
            source.redistribution,
            f"{source.cadence_days} d" if source.cadence_days else "closed",
            " ".join(f"`{name}`" for name in source.key_env),
        )
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join(lines) + "\n"
