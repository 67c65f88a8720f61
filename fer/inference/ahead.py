"""Work that threads do ahead of who needs it: in order, bounded, in batches that never wait for long."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from enum import Enum
from functools import cache
from queue import Empty, Queue
from typing import Generic, TypeVar

CORES = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
WORKERS = min(4, CORES)  # threads that read pictures and find faces
AHEAD = WORKERS + 2  # jobs that run, or whose results wait
PATIENCE = 0.25  # seconds that a result waits for others. A slow source is answered so soon

T = TypeVar("T")


class Sign(Enum):
    """What stands where no result does."""

    LATER = "the next one is not there yet"
    END = "there are no more"


class Ahead(Generic[T]):
    """Jobs that run ahead of who takes their results: AHEAD of them at most, in order.

    is_full: whether results are enough for a batch.
    """

    def __init__(
        self, jobs: Generator[Callable[[], list[T]]], is_full: Callable[[Sequence[T]], bool]
    ) -> None:
        self._jobs, self._is_full = jobs, is_full
        self._queue: Queue[Future[list[T]] | None] = Queue(AHEAD)
        self._first: Future[list[T]] | None = None  # taken from the queue before it was done
        self._closed = threading.Event()
        # A daemon, because a camera or standard input may let it wait for ever.
        self._thread = threading.Thread(target=self._fill, name="fer-reader", daemon=True)
        self._thread.start()

    def batches(self) -> Iterator[list[T]]:
        """Results in order: as many as fill a batch, or as are there in PATIENCE seconds."""
        batch: list[T] = []
        until = 0.0
        while True:
            try:
                items = self._take(max(0.0, until - time.monotonic()) if batch else None)
            except Exception:
                if batch:
                    yield batch  # what was read before the fault
                raise
            if not isinstance(items, Sign):
                until = until if batch else time.monotonic() + PATIENCE
                batch += items
            if batch and (isinstance(items, Sign) or self._is_full(batch)):
                yield batch
                batch = []
            if items is Sign.END:
                return

    def close(self) -> None:
        """Stop the thread, and drop the jobs that no worker has begun."""
        self._closed.set()
        while not self._queue.empty():  # makes room, should the thread wait for it
            if (future := self._queue.get()) is not None:
                future.cancel()
        self._thread.join(1.0)

    def _take(self, seconds: float | None) -> list[T] | Sign:
        """The next results, for which it waits so long. Raises what their job raised."""
        if self._first is None:
            try:
                self._first = self._queue.get(timeout=seconds)
            except Empty:
                return Sign.LATER
        if self._first is None:
            return Sign.END
        if not wait([self._first], seconds).done:
            return Sign.LATER
        future, self._first = self._first, None
        return future.result()

    def _fill(self) -> None:
        try:
            for job in self._jobs:
                self._queue.put(_workers().submit(job))
                if self._closed.is_set():
                    break
        except BaseException as fault:  # its future raises it where results are taken
            failed: Future[list[T]] = Future()
            failed.set_exception(fault)
            self._queue.put(failed)
        finally:
            self._jobs.close()  # files and cameras, where they were opened
            self._queue.put(None)


@cache
def _workers() -> ThreadPoolExecutor:
    """The threads of this process. They are kept, because each keeps its detector."""
    return ThreadPoolExecutor(WORKERS, "fer-worker")
