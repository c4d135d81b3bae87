"""The registry of sources: one seed row, one module, found by the same id.

The seed is sql/seeds/sources.csv, so that SQL and Python read the same list. What a source is lives in its
row; how it is read lives in pipeline/sources/<source_id>.py. A row without a module, a module without a row
or a module without the functions its row asks for raises RegistryError.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from pipeline import sources
from pipeline.errors import RegistryError
from pipeline.http import Http
from pipeline.parsing import Context, Parsed
from warehouse.contracts import CONTRACTS, EVIDENCES
from warehouse.settings import DBT_PROJECT

SEED = DBT_PROJECT / "seeds" / "sources.csv"
KINDS = ("live", "history", "both")


class SourceModule(Protocol):
    """What every module in pipeline/sources offers; ``fetch`` only where the source is live."""

    PARSER_VERSION: int

    def fetch(self, http: Http) -> None: ...

    def parse(self, body: bytes, context: Context) -> Parsed: ...


@dataclass(frozen=True)
class Source:
    """A row of the sources seed."""

    source_id: str
    kind: str
    contracts: tuple[str, ...]
    publisher: str
    url: str
    license: str
    redistribution: str
    cadence_days: int
    evidence: str
    smallest_row_count: int
    key_env: tuple[str, ...] = ()
    """Environment variables that hold the key; empty for a source that needs none."""

    @property
    def is_live(self) -> bool:
        return self.kind != "history"

    @property
    def domains(self) -> list[str]:
        """Parts of the market it tells of, its main one first."""
        return list(dict.fromkeys(CONTRACTS[contract].domain for contract in self.contracts))

    @property
    def module(self) -> SourceModule:
        """The source's module, imported when first asked for."""
        return cast(SourceModule, import_module(f"{sources.__name__}.{self.source_id}"))


@lru_cache(maxsize=1)
def all_sources() -> dict[str, Source]:
    """Every registered source by id, in seed order. Raises RegistryError."""
    found = read_seed(SEED)
    modules = {path.stem for path in Path(sources.__path__[0]).glob("*.py")} - {"__init__"}
    if set(found) != modules:
        raise RegistryError(
            f"{SEED.name} and pipeline/sources disagree: "
            f"no module for {sorted(set(found) - modules) or 'none'}, "
            f"no row for {sorted(modules - set(found)) or 'none'}"
        )
    return found


def read_seed(seed: Path) -> dict[str, Source]:
    """The rows of a sources seed by id, whether or not they have modules. Raises RegistryError."""
    with seed.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {row["source_id"]: _source(row) for row in rows}
    if len(found) != len(rows):
        raise RegistryError(f"{seed.name} names a source twice")
    return found


def live_sources() -> list[Source]:
    return [source for source in all_sources().values() if source.is_live]


def find_source(source_id: str) -> Source:
    """The source of that id. Raises RegistryError naming the known ones."""
    try:
        return all_sources()[source_id]
    except KeyError:
        raise RegistryError(f"no source {source_id!r}; known are {', '.join(all_sources())}") from None


def _source(row: dict[str, str]) -> Source:
    source = Source(
        source_id=row["source_id"],
        kind=row["kind"],
        contracts=tuple(row["contracts"].split()),
        publisher=row["publisher"],
        url=row["url"],
        license=row["license"],
        redistribution=row["redistribution"],
        cadence_days=int(row["cadence_days"]),
        evidence=row["evidence"],
        smallest_row_count=int(row["smallest_row_count"]),
        key_env=tuple(row["key_env"].split()),
    )
    for found, known, name in (
        ({source.kind}, KINDS, "kind"),
        (set(source.contracts), CONTRACTS, "contract"),
        ({source.evidence}, EVIDENCES, "evidence"),
    ):
        if not found <= set(known):
            raise RegistryError(
                f"{SEED.name}, {source.source_id}: unknown {name} {', '.join(found - set(known))}"
            )
    return source
