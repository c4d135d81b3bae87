"""Keys of vendors go to the vendor alone: keyed sources are fetched, and what is left is searched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import zstandard

from pipeline.registry import live_sources
from tests.replay import Answer, LoopbackServer, ReplayServer

AIMARKET = str(Path(sys.executable).with_name("aimarket"))
KEYED = [source for source in live_sources() if source.key_env]
NAMES = sorted({name for source in KEYED for name in source.key_env})
KEYS = {name: f"geheim{number:02}" for number, name in enumerate(NAMES)}


def fetched(home: Path, server: LoopbackServer) -> str:
    """Fetch every keyed source through ``server``; what the command said."""
    environment = {
        **os.environ,
        **KEYS,
        "AIMARKET_HOME": str(home),
        "AIMARKET_MIRROR_URL": server.url,
        "AIMARKET_REQUESTS_PER_SECOND": "1000",
        "AIMARKET_RETRY_PAUSE_SECONDS": "0.01",
    }
    command = [AIMARKET, "fetch", *(source.source_id for source in KEYED)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    return done.stdout + done.stderr


def keys_sent(server: LoopbackServer) -> set[str]:
    asked = "".join(f"{sent.path}{dict(sent.headers)}{sent.body!r}" for sent in server.requests)
    return {name for name, key in KEYS.items() if key in asked}


def leaks(home: Path, said: str) -> list[str]:
    """Files below ``home``, unpacked where they are packed, and the screen, where they hold a key."""
    found = {"screen": said.encode()}
    for path in home.rglob("*"):
        if path.is_file():
            body = path.read_bytes()
            unpack = zstandard.ZstdDecompressor().decompressobj().decompress
            found[str(path)] = unpack(body) if path.suffix == ".zst" else body
    return [name for name, body in found.items() if any(key.encode() in body for key in KEYS.values())]


def test_no_key_is_left_behind_by_a_fetch(tmp_path: Path, replay_server: ReplayServer) -> None:
    said = fetched(tmp_path, replay_server)
    # The search would find nothing after a run that used no key.
    assert len(keys_sent(replay_server)) >= len(KEYED) - 1, said
    assert list(tmp_path.glob("raw/objects/*/*.zst"))
    assert leaks(tmp_path, said) == []


def test_no_key_is_left_behind_by_a_fetch_that_fails(tmp_path: Path) -> None:
    with LoopbackServer(lambda _: Answer(b"no", status=403)) as server:
        said = fetched(tmp_path, server)
        assert len(keys_sent(server)) >= len(KEYED) - 1, said
    assert list(tmp_path.glob("raw/manifest/*/*.json"))
    assert leaks(tmp_path, said) == []
