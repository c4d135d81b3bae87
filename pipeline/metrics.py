"""What a monitor wants to know, as a text file for the node exporter: `AIMARKET_HOME/metrics.prom`.

The format is Prometheus' text exposition format 0.0.4. A sample that is not known is left out, never zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from pipeline.causes import Outcome
from pipeline.status import Status
from warehouse.files import write_file

Sample = tuple[Mapping[str, str], float | None]


def write_metrics(
    file: Path, status: Status, runs: Mapping[str, Outcome], failed_channels: int, now: datetime
) -> None:
    """Replace the file in one step."""
    text = "".join(
        _metric(name, help_text, samples)
        for name, help_text, samples in _metrics(status, runs, failed_channels, now)
    )
    write_file(file, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _metrics(
    status: Status, runs: Mapping[str, Outcome], failed_channels: int, now: datetime
) -> Iterable[tuple[str, str, list[Sample]]]:
    """Name, help and samples of each gauge."""
    sources = [({"source": source.source_id}, source) for source in status.sources]
    live = [(labels, source) for labels, source in sources if source.attempted_at]
    holes = {source.source_id: 0 for _, source in live}
    for hole in status.holes:
        holes[hole.source_id] = holes.get(hole.source_id, 0) + 1
    marts = [({"mart": mart.mart}, mart) for mart in status.marts]
    jobs = [({"job": job}, run) for job, run in sorted(runs.items())]
    yield (
        "aimarket_source_age_seconds",
        "Age of the newest data of a source.",
        [(labels, _age(source.last_reading_at, now)) for labels, source in sources],
    )
    yield (
        "aimarket_source_last_attempt_timestamp_seconds",
        "Start of the last fetch.",
        [(labels, _seconds(source.attempted_at)) for labels, source in live],
    )
    yield (
        "aimarket_source_up",
        "Whether the last fetch was good.",
        [(labels, source.outcome in ("complete", "unchanged")) for labels, source in live],
    )
    yield (
        "aimarket_source_rows",
        "Rows of the last fetch.",
        [(labels, source.rows) for labels, source in live],
    )
    yield (
        "aimarket_source_rejects",
        "Rows of the last fetch that broke a rule.",
        [(labels, source.rejects) for labels, source in live],
    )
    yield (
        "aimarket_source_stalled",
        "Whether the source is silent or the same for too long.",
        [(labels, bool(source.stalled_reason)) for labels, source in live],
    )
    yield (
        "aimarket_source_held_parts",
        "Parts of readings that wait for a review.",
        [(labels, len(source.held)) for labels, source in live],
    )
    yield (
        "aimarket_source_lost_days",
        "Days that nobody read and nothing tells of any more.",
        [({"source": source_id}, count) for source_id, count in sorted(holes.items())],
    )
    yield (
        "aimarket_mart_age_seconds",
        "Age of the newest data that a mart stands on.",
        [(labels, _age(mart.newest_read_at, now)) for labels, mart in marts],
    )
    yield (
        "aimarket_mart_stale",
        "Whether these data are too old.",
        [(labels, mart.is_stale) for labels, mart in marts],
    )
    yield (
        "aimarket_run_seconds",
        "How long the last run took.",
        [(labels, run.seconds) for labels, run in jobs],
    )
    yield (
        "aimarket_run_success",
        "Whether the last run ended well.",
        [(labels, run.is_good) for labels, run in jobs],
    )
    yield (
        "aimarket_run_end_timestamp_seconds",
        "End of the last run.",
        [(labels, _seconds(run.ended_at)) for labels, run in jobs],
    )
    yield (
        "aimarket_release_timestamp_seconds",
        "Publication of the current release.",
        [({}, _seconds(status.released_at))],
    )
    yield (
        "aimarket_release_rows",
        "Rows of the current release.",
        [({}, status.row_count if status.release_id else None)],
    )
    yield (
        "aimarket_alert_channels_failing",
        "Alert channels that took not every message.",
        [({}, failed_channels)],
    )


def _metric(name: str, help_text: str, samples: Iterable[Sample]) -> str:
    known = [(labels, value) for labels, value in samples if value is not None]
    if not known:
        return ""
    lines = [f"# HELP {name} {help_text}", f"# TYPE {name} gauge"]
    lines += [f"{name}{_labels(labels)} {float(value)!r}" for labels, value in known]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _age(instant: datetime | None, now: datetime) -> float | None:
    return (now - instant).total_seconds() if instant else None


def _seconds(instant: datetime | None) -> float | None:
    return instant.timestamp() if instant else None
