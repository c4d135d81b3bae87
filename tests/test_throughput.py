"""Measured throughput as a fact: its names resolved, each measurement once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from tests.models import Models

pytestmark = pytest.mark.xdist_group("models")

FIRST, SECOND = (datetime(2026, 6, day, 6, tzinfo=UTC).replace(tzinfo=None) for day in (1, 8))
"""UTC without zone, as staging has it."""
Row = Mapping[str, Any]


def measured(**changes: Any) -> Row:
    return {
        "source_id": "inferencex",
        "reading_scope": "DeepSeek-R1-0528",
        "model_raw": "dsr1",
        "gpu_raw": "h100",
        "gpu_count": 8.0,
        "precision": "fp8",
        "engine": "sglang",
        "configuration_raw": "1x(tp8 ep1) on 8",
        "concurrency": 64,
        "input_tokens": 1024,
        "output_tokens": 1024,
        "evaluated_date": date(2026, 5, 20),
        "total_tokens_per_second_per_gpu": 900.0,
        "observed_at": FIRST,
        "observed_until": FIRST,
        "recorded_at": FIRST,
        **changes,
    }


def facts(
    models: Models, rows: Sequence[Row], readings: Sequence[tuple[datetime, datetime]] = ()
) -> list[dict[str, Any]]:
    """The fact table where these rows were read at these instants, each recorded at another."""
    read = [
        {
            "contract": "throughput",
            "source_id": "inferencex",
            "reading_scope": "DeepSeek-R1-0528",
            "read_at": read_at,
            "recorded_at": recorded_at,
        }
        for read_at, recorded_at in readings or [(FIRST, FIRST)]
    ]
    given = {"stg_throughput": pl.DataFrame(list(rows)), "stg_readings": pl.DataFrame(read)}
    return models.build(given, "fct_throughput")["fct_throughput"].to_dicts()


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        pytest.param({}, ("deepseek-r1-0528", "h100-sxm-80gb"), id="short names of the source"),
        pytest.param(
            {"model_raw": "gptoss120b", "gpu_raw": "mi355x"}, ("gpt-oss-120b", "mi355x-288gb"), id="one form"
        ),
        pytest.param(
            {"gpu_raw": "h200"}, ("deepseek-r1-0528", "h200-sxm-141gb"), id="only SXM is measured there"
        ),
        pytest.param({"gpu_raw": "gb300"}, ("deepseek-r1-0528", "gb300-nvl72"), id="part of a rack"),
        pytest.param({"model_raw": "abc9", "gpu_raw": "q100"}, (None, None), id="names nobody knows"),
        pytest.param(
            {"source_id": "another", "gpu_raw": "h100"},
            ("deepseek-r1-0528", "h100-unstated"),
            id="elsewhere the form is not told",
        ),
    ],
)
def test_names_are_resolved_or_stay_unknown(
    models: Models, names: Row, ids: tuple[str | None, str | None]
) -> None:
    row = measured(**names)
    read = {"contract": "throughput", "source_id": row["source_id"], "reading_scope": "DeepSeek-R1-0528"}
    given = {
        "stg_throughput": pl.DataFrame([row]),
        "stg_readings": pl.DataFrame([{**read, "read_at": FIRST, "recorded_at": FIRST}]),
    }
    (found,) = models.build(given, "fct_throughput")["fct_throughput"].to_dicts()
    assert (found["model_id"], found["gpu_id"]) == ids
    assert (found["model_raw"], found["gpu_raw"]) == (row["model_raw"], row["gpu_raw"])


def test_configurations_that_differ_in_their_layout_alone_are_two_measurements(models: Models) -> None:
    rows = [measured(), measured(configuration_raw="1x(tp8 pp2 ep1) on 8")]
    assert len(facts(models, rows)) == 2


def test_a_measurement_seen_again_is_one_and_a_newer_one_another(models: Models) -> None:
    again = {"observed_at": SECOND, "observed_until": SECOND, "recorded_at": SECOND}
    newer = {**again, "evaluated_date": date(2026, 6, 3), "total_tokens_per_second_per_gpu": 950.0}
    found = facts(
        models, [measured(), measured(**again), measured(**newer)], [(FIRST, FIRST), (SECOND, SECOND)]
    )
    assert sorted((row["evaluated_date"], row["observed_at"]) for row in found) == [
        (date(2026, 5, 20), SECOND),
        (date(2026, 6, 3), SECOND),
    ]


def test_the_latest_recording_of_a_reading_counts(models: Models) -> None:
    reread = measured(recorded_at=SECOND, total_tokens_per_second_per_gpu=800.0)
    (found,) = facts(models, [measured(), reread], [(FIRST, FIRST), (FIRST, SECOND)])
    assert found["total_tokens_per_second_per_gpu"] == 800.0
