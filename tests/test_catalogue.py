"""The list of sources: as many as promised, each with its terms; the README's table is the registry's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.catalogue import as_markdown, listings
from pipeline.fetching import fetch_all
from pipeline.registry import all_sources, find_source, read_seed
from warehouse import settings as settings_module
from warehouse.settings import REPOSITORY, Settings

AIMARKET = str(Path(sys.executable).with_name("aimarket"))


def test_the_promised_breadth_is_there() -> None:
    live = [source for source in all_sources().values() if source.is_live]
    counts = Counter(domain for source in live for domain in source.domains)
    assert counts["gpu"] >= 18
    assert counts["token"] >= 16
    assert counts["leaderboard"] >= 9
    assert counts["throughput"] >= 1
    assert find_source("inferencex").domains == ["throughput"]


@pytest.mark.parametrize("source_id", all_sources())
def test_a_row_states_publisher_terms_cadence_and_key(source_id: str) -> None:
    source = find_source(source_id)
    assert source.publisher.strip()
    assert source.license.strip()
    assert source.url.startswith("https://")
    assert source.redistribution in ("full", "derived", "none")
    assert (source.cadence_days == 0) == (source.kind == "history")
    assert all(name.startswith("AIMARKET_KEY_") for name in source.key_env)
    assert not source.key_env or source.is_live


def test_the_readme_lists_what_the_registry_says() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    _, _, rest = readme.partition(
        "<!-- sources: printed by `aimarket sources --markdown`, a test compares -->\n"
    )
    table, end, _ = rest.partition("<!-- /sources -->")
    assert end
    assert table == as_markdown(all_sources().values()), "run `aimarket sources --markdown` and put it there"


def test_the_table_says_for_each_source_what_its_row_says(tmp_path: Path) -> None:
    seed = tmp_path / "sources.csv"
    seed.write_text(
        "source_id,kind,contracts,publisher,url,license,redistribution,cadence_days,evidence,smallest_row_count,"
        "is_cross_check,key_env,notes\n"
        "some_cloud,live,gpu_offers,Some | Cloud,https://some.example/{id}/list,MIT,full,7,polled,1,false,"
        "AIMARKET_KEY_A AIMARKET_KEY_B,\n"
        "old_board,history,leaderboard_scores token_prices,Board,https://board.example,none stated,derived,0,"
        "reconstructed,1,false,,\n"
    )
    lines = as_markdown(read_seed(seed).values()).splitlines()
    assert lines[:2] == [
        "Live sources: 1, of them without a key: 0; histories: 1.",
        "Live by domain, some in two: gpu 1.",
    ]
    assert lines[-2:] == [
        "| `some_cloud` | gpu | live | [Some / Cloud](https://some.example/) | MIT | full | 7 d | "
        "`AIMARKET_KEY_A` `AIMARKET_KEY_B` |",
        "| `old_board` | leaderboard, token | history | [Board](https://board.example) | none stated | "
        "derived | closed |  |",
    ]


def test_the_last_result_of_each_source_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMARKET_HOME", str(settings.home))
    monkeypatch.setenv("AIMARKET_KEY_VERDA_ID", "one of two")
    settings_module.settings.cache_clear()
    before = datetime.now(UTC)
    try:
        nowhere = settings.model_copy(update={"mirror_url": "http://network.invalid"})
        list(fetch_all([find_source("akash")], settings))
        list(fetch_all([find_source("oci")], nowhere))
        told = {listing.source.source_id: listing for listing in listings()}
    finally:
        settings_module.settings.cache_clear()
    assert list(told) == list(all_sources())
    assert (told["akash"].last_outcome, told["akash"].key_is_set) == ("complete", None)
    assert told["akash"].last_row_count
    assert told["akash"].last_attempt_at
    assert told["akash"].last_attempt_at > before
    assert told["oci"].last_outcome == "failed"
    assert (told["verda"].last_outcome, told["verda"].key_is_set) == ("never", False)
    assert told["lmarena_csv_mirror"].last_outcome == "history"


def test_the_command_line_lists_the_sources(tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        environment = {**os.environ, "AIMARKET_HOME": str(tmp_path), "COLUMNS": "200"}
        keys = {"AIMARKET_KEY_LAMBDA_CLOUD": "x"}
        done = subprocess.run(
            [AIMARKET, "sources", *arguments],
            env=environment | keys,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    (cloud,) = [s for s in json.loads(run("--json")) if s["source_id"] == "lambda_cloud"]
    assert (cloud["domains"], cloud["key_is_set"], cloud["last_outcome"]) == (["gpu"], True, "never")
    assert run("--markdown") == as_markdown(all_sources().values())
    assert "AIMARKET_KEY_VERDA_ID" in run()
