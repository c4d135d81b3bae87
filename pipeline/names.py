"""Names the release could not resolve: what they may be, and the seed row that would say so.

Nothing is applied: a score says how alike two spellings are, not that they name the same thing.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass

import duckdb
from rapidfuzz import fuzz, process

from warehouse.settings import DBT_PROJECT, REPOSITORY

NEAR = 85
"""The score of 100 from which on a candidate stands in the seed row; below it a person has to say."""
UNKNOWN_ID = "?"
"""Stands for an id nobody proposes. No seed accepts it."""
CANDIDATES_PER_NAME = 3


SEEDS = {
    "gpu": DBT_PROJECT / "seeds" / "gpu_rules.csv",
    "provider": DBT_PROJECT / "seeds" / "provider_aliases.csv",
    "model": DBT_PROJECT / "seeds" / "model_aliases.csv",
}
"""Of each kind of name the seed that resolves it."""


@dataclass(frozen=True)
class Candidate:
    """A known id; ``score`` 0 to 100 says how alike its id or name is."""

    id: str
    score: float


@dataclass(frozen=True)
class OpenName:
    """A name without identity. ``seed_row`` is the line of the file ``seed`` that would resolve it.

    Without a proposal the line has UNKNOWN_ID in place of an id.
    """

    kind: str
    name_raw: str
    rows: int
    source_ids: list[str]
    candidates: list[Candidate]
    has_proposal: bool
    seed: str
    seed_row: str


def open_names(release: duckdb.DuckDBPyConnection, kind: str, limit: int) -> list[OpenName]:
    """Of a kind the ``limit`` names with most rows that the release leaves open.

    Spellings that the seeds write alike are one name.
    """
    known = _known_names(release, kind)
    found = release.execute(
        "select arg_max(name_raw, row_count), market, name_key, sum(row_count)::bigint as row_count, "
        "string_agg(source_ids, ' ') from ops.unresolved_names where kind = ? "
        "group by market, name_key order by row_count desc, name_key limit ?",
        [kind, limit],
    ).fetchall()
    names = []
    for place, (name_raw, market, name_key, rows, source_ids) in enumerate(found):
        candidates = _nearest(name_key, known)
        has_proposal = bool(candidates) and _is_proposal(name_key, candidates[0])
        names.append(
            OpenName(
                kind,
                name_raw,
                rows,
                sorted(set(source_ids.split())),
                candidates,
                has_proposal,
                str(SEEDS[kind].relative_to(REPOSITORY)),
                _seed_row(kind, market, name_key, candidates[0].id if has_proposal else UNKNOWN_ID, place),
            )
        )
    return names


def _known_names(release: duckdb.DuckDBPyConnection, kind: str) -> dict[str, str]:
    """Words to id: the ids themselves and the names people give them."""
    rows = release.execute(f"select {kind}_id, {kind}_name from core.dim_{kind}s order by 1").fetchall()
    return {_words(text): known_id for known_id, name in rows for text in (name, known_id)}


def _nearest(name_key: str, known: dict[str, str]) -> list[Candidate]:
    best: dict[str, float] = {}
    for words, score, _ in process.extract(_words(name_key), list(known), scorer=_likeness, limit=None):
        best.setdefault(known[words], round(score, 1))
    return [Candidate(known_id, score) for known_id, score in best.items()][:CANDIDATES_PER_NAME]


def _likeness(one: str, other: str, **_: object) -> float:
    """0 to 100: the mean of a part in common, words in common and letters in common.

    Of the library's measures and their means this one most often puts the right id first.
    """
    return (fuzz.partial_ratio(one, other) + fuzz.token_set_ratio(one, other) + fuzz.ratio(one, other)) / 3


def _is_proposal(name_key: str, candidate: Candidate) -> bool:
    """Near enough, and no number more or less: that would be another model or another card."""
    return candidate.score >= NEAR and _numbers(name_key) == _numbers(candidate.id)


def _numbers(text: str) -> list[str]:
    return sorted(re.findall(r"\d+", text))


def _words(text: str) -> str:
    return " ".join(re.findall("[a-z0-9]+", text.lower()))


def _seed_row(kind: str, market: str, name_key: str, known_id: str, place: int) -> str:
    """The line of the kind's seed. A rule for a GPU comes after all others: nothing they match changes."""
    with SEEDS[kind].open(encoding="utf-8", newline="") as file:
        seed = csv.DictReader(file)
        columns = list(seed.fieldnames or ())
        if kind == "gpu":
            last = max(int(row["priority"]) for row in seed)
            stated = {
                "priority": str(last + 10 * (place + 1)),
                "name_pattern": f"^{name_key}$",
                "rule_note": "this name alone",
            }
        else:
            stated = {"alias": name_key, "market": market}
    line = io.StringIO()
    csv.DictWriter(line, columns, restval="", extrasaction="ignore", lineterminator="").writerow(
        stated | {f"{kind}_id": known_id}
    )
    return line.getvalue()
