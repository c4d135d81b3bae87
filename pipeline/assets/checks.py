"""What the release says about its data, as checks of the assets they belong to."""

import json
from collections.abc import Iterator

import dagster as dg
from dagster_dbt import get_asset_key_for_model

from pipeline.assets.fetch import asset_key
from pipeline.assets.publish import release
from pipeline.assets.transform import build_models, manifest_path
from pipeline.registry import Source, live_sources
from pipeline.status import MART_FRESH_DAYS, status

PRICED = ("gpu_offers", "token_prices")
"""Contracts whose movements ops.source_movements measures."""


def _marts() -> list[str]:
    """Those that can grow old: a mart of seeds alone is fed by nothing."""
    nodes = json.loads(manifest_path().read_text(encoding="utf-8"))["nodes"].values()
    return sorted(
        n["name"]
        for n in nodes
        if n["resource_type"] == "model"
        and n["config"]["schema"] == "marts"
        and n["config"]["meta"]["fed_by"]
    )


def _priced() -> list[Source]:
    return [source for source in live_sources() if set(source.contracts) & set(PRICED)]


MARTS = {mart: get_asset_key_for_model([build_models], mart) for mart in _marts()}


@dg.multi_asset_check(
    specs=[
        *(
            dg.AssetCheckSpec(
                "fresh",
                asset=key,
                additional_deps=[release],
                description=f"The data it stands on are at most {MART_FRESH_DAYS} days old and most of its "
                "sources have not stalled (ops.mart_freshness).",
            )
            for key in MARTS.values()
        ),
        *(
            dg.AssetCheckSpec(
                "steady_prices",
                asset=asset_key(source),
                additional_deps=[release],
                description="Prices moved no further than this source is used to (ops.source_movements).",
            )
            for source in _priced()
        ),
    ],
    can_subset=True,
)
def release_checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    """How fresh each mart is and whose prices jumped, by the current release. Warnings: it is published."""
    told = status()
    marts = {mart.mart: mart for mart in told.marts}
    wanted = context.selected_asset_check_keys
    for name, key in MARTS.items():
        if dg.AssetCheckKey(key, "fresh") not in wanted:
            continue
        mart = marts.get(name)
        yield dg.AssetCheckResult(
            check_name="fresh",
            asset_key=key,
            passed=mart is not None and not mart.is_stale,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "newest_read_at": str(mart.newest_read_at),
                "sources": mart.source_count,
                "stalled_sources": mart.stalled_source_count,
            }
            if mart
            else {"reason": "the release does not tell of it"},
        )
    for source in _priced():
        if dg.AssetCheckKey(asset_key(source), "steady_prices") not in wanted:
            continue
        jumps = [moved for moved in told.movements if moved.source_id == source.source_id]
        yield dg.AssetCheckResult(
            check_name="steady_prices",
            asset_key=asset_key(source),
            passed=not jumps,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                moved.contract: f"{moved.movement_ratio:.1%} on {moved.read_date}, usually up to "
                f"{moved.limit_ratio:.1%}"
                for moved in jumps
            },
        )
