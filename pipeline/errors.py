"""Everything the pipeline raises on purpose.

AimarketError (warehouse.errors)
├── SourceError              one source failed; every other source and the publication go on
│   ├── Unreachable          no answer: the name does not resolve, the connection fails
│   ├── BadStatus            an answer with a status that means no data
│   ├── BodyTooLarge         an answer over the cap
│   ├── PayloadError         bytes arrived and are not what the source serves: HTML, empty, another shape
│   ├── ArchiveDamaged       the archive has lost or spoilt bytes it once received
│   └── ParserFault          our own module for the source failed; the bytes are kept for `aimarket replay`
├── BuildFailed              a step of the build failed; the last release stays
├── BadRules                 the file of alert rules cannot be used
├── RegistryError            seed row, module and fixture disagree
└── HistoryError             a history to backfill from cannot be read
    └── EmptyHistory         it can, and holds nothing of the asked time
"""

from warehouse.errors import AimarketError


class SourceError(AimarketError):
    """One source failed."""


class Unreachable(SourceError):
    """No answer came."""


class BadStatus(SourceError):
    """An answer came with a status that means no data."""


class BodyTooLarge(SourceError):
    """An answer was longer than the cap; what arrived is not kept as data."""


class PayloadError(SourceError):
    """The bytes are not what the source serves."""


class ArchiveDamaged(SourceError):
    """The archive has lost or spoilt bytes it once received."""


class ParserFault(SourceError):
    """The source's own module failed: a fault of ours, not of the vendor."""


class BuildFailed(AimarketError):
    """A step of the build failed; the last release stays."""

    def __init__(self, text: str, step: str = "") -> None:
        super().__init__(text)
        self.step = step


class BadRules(AimarketError):
    """The file of alert rules cannot be used."""


class RegistryError(AimarketError):
    """Seed row, module and fixture disagree."""


class HistoryError(AimarketError):
    """A history to backfill from cannot be read."""


class EmptyHistory(HistoryError):
    """A history holds nothing of the asked time."""
