"""The fetch in a process of its own, while this one loads what the build needs: two cores, half the start."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.loading import Result


@contextmanager
def fetching(quiet: bool) -> Iterator[Future[list[Result]]]:
    """Fetch what is due, showing its progress unless ``quiet``; the future holds the results."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _end_with_parent) as pool:
        yield pool.submit(_fetch, quiet)
        pool.shutdown(wait=False)


def _fetch(quiet: bool) -> list[Result]:
    from pipeline.console import RichProgress

    with RichProgress(quiet) as progress:
        from pipeline.running import fetch

        return fetch(progress)


def _end_with_parent() -> None:
    """A killed run must not leave its fetch behind: the lock of the run is free then, and two would write."""
    # Interrupted, it dies without a word: the parent says what there is to say.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    Thread(target=watch, daemon=True).start()
