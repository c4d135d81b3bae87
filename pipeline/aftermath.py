"""After a run, however it ended: metrics, alerts and the sign of life. Nothing here can fail the run."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from pipeline.alerts import note, open_channels, ping, read_state, tell, write_state
from pipeline.causes import Cause, Outcome, find_causes
from pipeline.errors import BadRules
from pipeline.metrics import write_metrics
from pipeline.rules import DEFAULT_FILE, read_rules
from pipeline.status import Status, status
from warehouse.files import exclusive
from warehouse.publish import current_release
from warehouse.settings import settings

PATIENCE_SECONDS = 60.0
"""Runs end one after the other, mostly; each has its turn with the state."""

log = logging.getLogger("aimarket")


def conclude(outcome: Outcome, is_sign_of_life: bool) -> None:
    """Remember how a run ended, write the metrics, tell who is to be told, and ping after a good one.

    ``is_sign_of_life``: whether this kind of run is what the dead-man's switch waits for.
    """
    try:
        _conclude(outcome, is_sign_of_life)
    except Exception:
        # A monitor that breaks what it watches is worse than none; the log says what is wrong.
        log.exception("metrics and alerts of the run failed")


def _conclude(outcome: Outcome, is_sign_of_life: bool) -> None:
    here, now = settings(), datetime.now(UTC)
    with exclusive(here.home / "alerts.lock", PATIENCE_SECONDS):
        state = read_state(here.home)
        state.runs[outcome.job] = outcome
        told = status(now)
        ended = note(state, causes_now(told, state.runs, now), now)
        failed = tell(state, ended, open_channels(here), now)
        write_state(here.home, state)
        if failed:
            log.warning("alert channels that took not every message: %s", ", ".join(failed))
        write_metrics(here.home / "metrics.prom", told, state.runs, len(failed), now)
    if is_sign_of_life and outcome.is_good and not ping(here):
        log.warning("AIMARKET_PING_URL did not answer")


def causes_now(told: Status, runs: dict[str, Outcome], now: datetime) -> list[Cause]:
    """What the rules find; where they cannot be used, that, and what the default rules find."""
    here = settings()
    release = current_release(here.releases, here.market)
    path = release.path if release else None
    try:
        return find_causes(read_rules(here.home), told, runs, path, now)
    except BadRules as error:
        title = "the alert rules cannot be used; the default ones hold"
        bad = Cause("bad_rules", "failure", title, str(error), "aimarket alerts")
        return [bad, *find_causes(read_rules(DEFAULT_FILE.parent), told, runs, path, now)]
