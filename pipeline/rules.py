"""What is worth an alert: the rules of `AIMARKET_HOME/alerts.yaml`, by default those of `deploy/alerts.yaml`.

What belongs here: the form of the file and its errors. What does not: whether a rule applies now
(pipeline/causes.py).
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import yaml

from pipeline.errors import BadRules
from pipeline.registry import all_sources
from warehouse.settings import REPOSITORY

DEFAULT_FILE = REPOSITORY / "deploy" / "alerts.yaml"


class Rule(msgspec.Struct, forbid_unknown_fields=True, tag_field="when"):
    """One entry of the file; ``when`` says which kind."""


class RunFailed(Rule, tag="run_failed"):
    """A run ended in an error other than a refused release."""


class ReleaseRefused(Rule, tag="release_refused"):
    """The audit refused the build; readers keep the last release."""


class SourceStalled(Rule, tag="source_stalled"):
    """A source is silent, or brings the same bytes, for too long. All sources where none is named."""

    sources: list[str] = []


class ReadingHeld(Rule, tag="reading_held"):
    """A source lost or gained over a quarter of its rows and waits for a decision."""

    sources: list[str] = []


class PricesJump(Rule, tag="prices_jump"):
    """A source's prices moved far more than it is used to."""

    sources: list[str] = []


class MartStale(Rule, tag="mart_stale"):
    """A mart stands on old data. All marts where none is named."""

    marts: list[str] = []


class DaysLost(Rule, tag="days_lost"):
    """Days of a source turned out to be lost for good."""


class IndexMoves(Rule, tag="index_moves"):
    """A value of a mart moved by more than ``over_pct`` percent within ``in_days`` days.

    ``where`` names columns and the value each must have, so that one row a day is left.
    """

    mart: str
    value: str
    over_pct: float
    in_days: int
    date: str = "price_date"
    where: dict[str, str | int | bool] = {}
    name: str = ""


class PriceStep(Rule, tag="price_step"):
    """A seller changed the price of one of these models (ids of core.dim_models) within ``in_days`` days."""

    models: list[str]
    hosts: list[str] = []
    over_pct: float = 0
    in_days: int = 7


AnyRule = (
    RunFailed
    | ReleaseRefused
    | SourceStalled
    | ReadingHeld
    | PricesJump
    | MartStale
    | DaysLost
    | IndexMoves
    | PriceStep
)


class Rules(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file."""

    rules: list[AnyRule]


def read_rules(home: Path) -> list[AnyRule]:
    """The rules that hold in ``home``. Raises BadRules saying what is wrong and where."""
    file = home / "alerts.yaml"
    file = file if file.exists() else DEFAULT_FILE
    try:
        stated = yaml.safe_load(file.read_text(encoding="utf-8"))
        rules = msgspec.convert(stated, Rules).rules
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise BadRules(f"{file}: {error}") from error
    problems = [f"rule {number}: {text}" for number, rule in enumerate(rules, 1) for text in _problems(rule)]
    if problems:
        raise BadRules(f"{file}: {'; '.join(problems)}")
    return rules


def _problems(rule: AnyRule) -> list[str]:
    found = []
    if unknown := sorted(set(getattr(rule, "sources", ())) - set(all_sources())):
        found.append(f"no source {', '.join(unknown)}; `aimarket sources` lists them")
    if isinstance(rule, (IndexMoves, PriceStep)):
        if rule.in_days < 1:
            found.append(f"in_days is {rule.in_days}, not a day or more")
        if rule.over_pct < 0:
            found.append(f"over_pct is {rule.over_pct}, below 0")
    if isinstance(rule, PriceStep) and not rule.models:
        found.append("names no model")
    return found
