"""Epoch AI: benchmarks it runs itself, and the capabilities index it fits over many.

Publisher: Epoch AI, https://epoch.ai/benchmarks, CC BY 4.0. One zip of some 80 CSVs, refreshed about daily.
The files of other boards (`*_external.csv`) keep those boards' licences and repeat sources read here at first
hand; they are not read. Quirks: some headers begin with a byte-order mark; effort is part of the model
version; frontiermath.csv and frontiermath_tiers_1_3_v2.csv are two question sets; the index is fitted anew at
every update, so an old model's value drifts; its two anchors have no interval; until about 2026-09 it was one
flat file with a row per model version, now it has one per model.
"""

from __future__ import annotations

import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, read_csv

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://epoch.ai/data/benchmark_data.zip"
INDEX_FILES = {
    "epoch_capabilities_index/eci_scores.csv": ("Display name", "eci", "eci_ci_low", "eci_ci_high"),
    "epoch_capabilities_index.csv": ("Model version", "ECI Score", "", ""),
}
"""Newer and older name of the index to its columns: model, score and the ends of the 90 % interval."""
METRICS = {"Best score (across scorers)": "best_score", "mean_score": "mean_score"}
"""Column to metric, fractions. They differ where answers were graded in several ways; the first leads."""
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
LARGEST_FILE_BYTES = 50_000_000
"""Over ten times the largest file seen; a zip can promise far more than it weighs."""
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)
"""What zipfile raises on an archive that is broken inside."""


def fetch(http: Http) -> None:
    """The whole hub, one request."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The zip to `leaderboard_scores`: a row per run and metric of Epoch's benchmarks, one per indexed model.

    Key: benchmark (leaderboard `epoch_<file>`), metric, model version and day the run started; of two runs of
    one day the first stays. The index is leaderboard `epoch_eci`, metric `eci`, dated by its file's time
    stamp; a run without a start is dated so too. Standard errors are not intervals and are left out. Raises
    PayloadError when the body is not this zip.
    """
    rows = Rows("leaderboard_scores")
    found: set[str] = set()
    for name, published, content in _files(body):
        if name in INDEX_FILES:
            found.add("the index")
            _add_index(rows, name, published, content)
        elif _is_own_run(content):
            found.add("benchmarks")
            _add_runs(rows, name, published, content)
    if missing := {"the index", "benchmarks"} - found:
        raise PayloadError(f"the zip lacks {' and '.join(sorted(missing))}")
    return {"leaderboard_scores": rows}


def _add_runs(rows: Rows, name: str, published: date, content: bytes) -> None:
    for line, row in read_csv(content, ("Model version",)):
        started = DAY.match(row.get("Started at", ""))
        known = {
            "leaderboard": f"epoch_{name.removesuffix('.csv')}",
            "board_version": "epoch_run",
            "category": "overall",
            "model_raw": row.get("Model version"),
            "organization_raw": row.get("Organization") or None,
            "score_unit": "fraction",
            "evaluated_date": started[0] if started else published,
        }
        stated = {metric: row[column] for column, metric in METRICS.items() if row.get(column)}
        if not stated:
            rows.reject(f"{name}/line {line}", "no score", **known)
        for metric, score in stated.items():
            rows.add(f"{name}/line {line}/{metric}", metric=metric, score=score, **known)


def _add_index(rows: Rows, name: str, published: date, content: bytes) -> None:
    model, score, low, high = INDEX_FILES[name]
    for line, row in read_csv(content, (model, score)):
        rows.add(
            f"{name}/line {line}",
            leaderboard="epoch_eci",
            board_version="eci",
            category="overall",
            metric="eci",
            model_raw=row.get(model),
            organization_raw=row.get("Organization") or None,
            score=row.get(score) or None,
            score_low=row.get(low) or None,
            score_high=row.get(high) or None,
            score_unit="index",
            evaluated_date=published,
        )


def _is_own_run(content: bytes) -> bool:
    header = content.partition(b"\n")[0].decode("utf-8-sig", "replace")
    return "Model version" in header and any(column in header for column in METRICS)


def _files(body: bytes) -> Iterator[tuple[str, date, bytes]]:
    """(name, day it was written, content) of each CSV that is not another board's."""
    if not body.startswith(b"PK"):
        raise PayloadError(f"not a zip; the body starts {body[:60]!r}")
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            for entry in archive.infolist():
                if entry.filename.endswith(".csv") and not entry.filename.endswith("_external.csv"):
                    if entry.file_size > LARGEST_FILE_BYTES:
                        raise PayloadError(f"{entry.filename} claims {entry.file_size} bytes")
                    yield entry.filename, date(*entry.date_time[:3]), archive.read(entry)
    except DAMAGED as error:
        raise PayloadError(f"a damaged zip: {error}") from error
