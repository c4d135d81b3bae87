"""What the warehouse raises on purpose; the pipeline adds its own below the same root.

AimarketError
├── BadSettings              the environment holds a setting that cannot be used
├── Held                     another process is at work on the same data
├── NoRelease                nothing was published yet
├── PublicationRefused       the audit found something red; the last release stays
├── BadQuery                 a statement the warehouse cannot or will not run
├── NoPayload                bytes a row names are not in this archive
├── NotOneValue              a condition that was to select one row selects none or several
├── ExportFailed             a release could not be written elsewhere; what was there stays
└── …                        see pipeline.errors
"""


class AimarketError(Exception):
    """Says what happened, where, and what to do; printed to the user as it is."""


class BadSettings(AimarketError):
    """The environment holds a setting that cannot be used."""


class Held(AimarketError):
    """Another process is at work on the same data."""


class NoRelease(AimarketError):
    """Nothing was published yet, or not that one."""


class BadQuery(AimarketError):
    """A statement the warehouse cannot or will not run."""


class NoPayload(AimarketError):
    """Bytes that a row names are not in this archive, or are damaged there."""


class NotOneValue(AimarketError):
    """A condition that was to select one row selects none or several."""


class ExportFailed(AimarketError):
    """A release could not be written elsewhere; what was there stays."""


class PublicationRefused(AimarketError):
    """The audit found something red; the last release stays. Lists every finding."""
