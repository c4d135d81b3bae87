"""Where things live and how we present ourselves: AIMARKET_* environment variables, nothing else.

Unknown AIMARKET_* variables are refused, so that a misspelt one never passes for a default.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from pydantic import Field, PositiveFloat, PositiveInt, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from warehouse.errors import BadSettings

REPOSITORY = Path(__file__).resolve().parents[1]
HISTORY = REPOSITORY / "warehouse" / "history"
"""Bundled observations, laid out like the lake."""
DBT_PROJECT = REPOSITORY / "sql"
PREFIX = "AIMARKET_"
KEY_PREFIX = "AIMARKET_KEY_"
"""Keys of vendors; read by pipeline.resources, never part of the settings."""


class Settings(BaseSettings):
    """Read once per process from the environment."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    home: Path = Field(REPOSITORY / "warehouse" / "data", description="Where the data lives.")
    contact: str = Field(
        "", description="Address or URL put into the User-Agent, so that a vendor can reach you."
    )
    mirror_url: str = Field(
        "",
        description="Fetch https://host/path as <mirror_url>/host/path: a caching mirror or a replay server.",
    )
    timeout_seconds: PositiveFloat = Field(
        30.0, description="Longest wait for a connection or for the next bytes."
    )
    answer_seconds: PositiveFloat = Field(600.0, description="Longest wait for the whole of one answer.")
    retry_pause_seconds: PositiveFloat = Field(
        1.0, description="Pause before the second attempt; before the third it is twice as long."
    )
    body_limit_mb: PositiveInt = Field(512, description="Largest body kept, 1e6 bytes after decompression.")
    requests_per_second: PositiveFloat = Field(1.0, description="Per host.")
    hourly: str = Field("", description="Source ids, separated by blanks, that the daemon reads every hour.")
    alerts: SecretStr = Field(SecretStr(""), description="Addresses of apprise, separated by blanks.")
    ping_url: SecretStr = Field(SecretStr(""), description="Asked for after every successful run.")
    keep_archive_days: PositiveInt | None = Field(
        None, description="Days raw bytes are kept; all of them where it is not set."
    )
    keep_runs_days: PositiveInt = Field(60, description="Days Dagster's runs and their logs are kept.")

    @model_validator(mode="after")
    def _refuse_unknown_variables(self) -> Settings:
        known = {PREFIX + name.upper() for name in type(self).model_fields}
        ours = [name for name in os.environ if name.startswith(PREFIX) and not name.startswith(KEY_PREFIX)]
        unknown = sorted(name for name in ours if name not in known)
        if unknown:
            raise ValueError(f"unknown setting {', '.join(unknown)}; known are {', '.join(sorted(known))}")
        return self

    @property
    def archive(self) -> Path:
        return self.home / "raw"

    @property
    def lake(self) -> Path:
        return self.home / "lake"

    @property
    def build(self) -> Path:
        """The private database dbt writes."""
        return self.home / "build" / "market.duckdb"

    @property
    def releases(self) -> Path:
        return self.home / "releases"

    @property
    def market(self) -> Path:
        """The pointer readers open."""
        return self.home / "market.duckdb"

    @property
    def report(self) -> Path:
        return self.home / "report"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process. Raises BadSettings."""
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(
            ": ".join([*(PREFIX + str(name).upper() for name in problem["loc"]), problem["msg"]])
            for problem in error.errors()
        )
        raise BadSettings(problems) from error
