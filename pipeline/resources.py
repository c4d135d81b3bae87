"""The only place that reads secrets: keys of vendors, by the names in the sources seed."""

from __future__ import annotations

import os

from pipeline.registry import Source


def secrets_of(source: Source) -> dict[str, str]:
    """The variables the source's row names that are set, by name."""
    return {name: value for name in source.key_env if (value := os.environ.get(name))}


def missing_secrets(source: Source) -> list[str]:
    """The variables the source needs and the environment lacks; empty for a source without a key."""
    known = secrets_of(source)
    return [name for name in source.key_env if name not in known]
