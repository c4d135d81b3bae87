"""Telling people: one message per cause, once, on every channel of AIMARKET_ALERTS.

What belongs here: what was told to whom, and how a message leaves the machine. What does not: whether there
is a cause (pipeline/causes.py). Addresses hold tokens: they never reach a log, the state on disk or an error,
a channel is called by its place in the list and its kind, `2:slack`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

import msgspec
import requests

from pipeline.causes import Cause, Level, Outcome
from warehouse.files import write_file
from warehouse.settings import Settings

REMINDER_DAYS: Final = 7
"""A cause that is still there after so many days is told again, with its count."""
PING_SECONDS: Final = 10.0


class Told(msgspec.Struct):
    """A cause that was there in the last run, and who knows of it."""

    level: Level
    title: str
    detail: str
    command: str
    is_event: bool
    first_seen: datetime
    count: int = 0
    """Runs in a row that found it."""
    told_at: dict[str, datetime] = {}
    """By channel."""


class State(msgspec.Struct):
    """What has to be remembered from run to run."""

    runs: dict[str, Outcome] = {}
    causes: dict[str, Told] = {}


@dataclass(frozen=True)
class Message:
    """What one channel is told."""

    level: Level | None
    """None for good news."""
    title: str
    body: str


class Channel(Protocol):
    """Somewhere messages go."""

    name: str

    def send(self, message: Message) -> bool:
        """Whether the message was taken."""


def read_state(home: Path) -> State:
    """What the last run left; nothing where it left nothing or something else."""
    try:
        return msgspec.json.decode(_file(home).read_bytes(), type=State)
    except (OSError, msgspec.DecodeError):
        return State()


def write_state(home: Path, state: State) -> None:
    text = msgspec.json.format(msgspec.json.encode(state), indent=1)
    write_file(_file(home), lambda temporary: temporary.write_bytes(text))


def note(state: State, causes: Sequence[Cause], now: datetime) -> list[Told]:
    """Count the causes of this run in ``state`` and return those that have ended."""
    gone = [state.causes.pop(key) for key in state.causes.keys() - {cause.key for cause in causes}]
    for cause in causes:
        known = state.causes.get(cause.key)
        state.causes[cause.key] = Told(
            cause.level,
            cause.title,
            cause.detail,
            cause.command,
            cause.is_event,
            known.first_seen if known else now,
            known.count + 1 if known else 1,
            known.told_at if known else {},
        )
    return sorted(gone, key=lambda told: told.first_seen)


def tell(state: State, ended: Sequence[Told], channels: Sequence[Channel], now: datetime) -> list[str]:
    """Tell each channel what it has not heard; return the names of the channels that took not all of it.

    What a channel did not take it is told in the next run. That a cause has ended is told once, to those who
    heard of it.
    """
    failed = []
    for channel in channels:
        is_good = True
        for told in state.causes.values():
            last = told.told_at.get(channel.name)
            if last and (told.is_event or now - last < timedelta(days=REMINDER_DAYS)):
                continue
            if channel.send(_message(told)):
                told.told_at[channel.name] = now
            else:
                is_good = False
        for told in ended:
            if channel.name in told.told_at and not told.is_event:
                is_good = channel.send(_good_news(told)) and is_good
        if not is_good:
            failed.append(channel.name)
    return failed


def open_channels(settings: Settings) -> list[Channel]:
    """One channel per address of AIMARKET_ALERTS; one that apprise cannot read takes no message."""
    addresses = settings.alerts.get_secret_value().split()
    return [AppriseChannel(number, address) for number, address in enumerate(addresses, 1)]


class AppriseChannel:
    """A channel that apprise knows how to reach."""

    def __init__(self, number: int, address: str) -> None:
        # Imported by those who send: it takes longer to load than most commands to run.
        import apprise

        # Its log names hosts and paths, and a path may be a token.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        self._apprise = apprise.Apprise()
        # A plugin of any of a hundred services reads the address, and must not end a run.
        with suppress(Exception):
            self._apprise.add(address)
        is_known = len(self._apprise) > 0
        kind = address.partition("://")[0] if is_known else "unknown"
        self.name = f"{number}:{kind}"
        self._types = {
            None: apprise.NotifyType.SUCCESS,
            "info": apprise.NotifyType.INFO,
            "warning": apprise.NotifyType.WARNING,
            "failure": apprise.NotifyType.FAILURE,
        }
        self._format = apprise.NotifyFormat.TEXT

    def send(self, message: Message) -> bool:
        try:
            return bool(
                self._apprise.notify(
                    title=message.title,
                    body=message.body,
                    notify_type=self._types[message.level],
                    body_format=self._format,
                )
            )
        except Exception:  # noqa: BLE001 - for the same reason
            return False


def ping(settings: Settings) -> bool:
    """Ask for AIMARKET_PING_URL, so that whoever waits for it knows of the run; True without one."""
    address = settings.ping_url.get_secret_value()
    if not address:
        return True
    try:
        return requests.get(address, timeout=PING_SECONDS).ok
    except (requests.RequestException, ValueError):
        return False


def _message(told: Told) -> Message:
    runs = "in this run" if told.count == 1 else f"in {told.count} runs in a row"
    lines = [
        told.detail,
        f"First seen {_instant(told.first_seen)}, {runs}.",
        f"What explains it: {told.command}",
    ]
    return Message(told.level, f"aimarket: {told.title}", "\n".join(filter(None, lines)))


def _good_news(told: Told) -> Message:
    runs = "once" if told.count == 1 else f"in {told.count} runs"
    return Message(
        None, f"aimarket: over: {told.title}", f"First seen {_instant(told.first_seen)}, {runs}; no longer."
    )


def _instant(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _file(home: Path) -> Path:
    return home / "alerts.json"
