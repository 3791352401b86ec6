"""Runs inside the measured worker, on its reactor: answers calls, and watches how late it runs."""

import cProfile
import gc
import os
import time
from contextlib import suppress
from typing import Any

from autobahn.twisted.wamp import ApplicationSession
from twisted.internet import reactor
from twisted.internet.task import LoopingCall

STEP = 0.001


class RunQueue:
    """How long this thread could have run and was given no processor: what Linux counts."""

    def __init__(self) -> None:
        self._file: int | None = None
        with suppress(OSError):
            self._file = os.open("/proc/thread-self/schedstat", os.O_RDONLY | os.O_CLOEXEC)

    def waited(self) -> float:
        """Seconds; 0 where that is not counted."""
        if self._file is None:
            return 0.0
        # Nanoseconds on a processor, and waiting for one; how often.
        return int(os.pread(self._file, 100, 0).split()[1]) / 1e9


class StallWatch:
    """
    The longest time that the reactor was late for a call due every millisecond. Started, and asked,
    on the reactor's thread.
    """

    def __init__(self, clock: Any = time.perf_counter, queue: Any = RunQueue) -> None:
        self._clock = clock
        self._make_queue = queue
        self._loop = LoopingCall(self._tick)
        self._queue: Any = None
        self._last = self._waited = 0.0
        self._longest = self._longest_own = 0.0

    def start(self) -> None:
        self._queue = self._queue or self._make_queue()
        self._last, self._waited = self._clock(), self._queue.waited()
        self._longest = self._longest_own = 0.0
        if not self._loop.running:
            self._loop.start(STEP, now=False)

    def _tick(self) -> None:
        now, waited = self._clock(), self._queue.waited()
        late = now - self._last - STEP
        self._longest = max(self._longest, late)
        self._longest_own = max(self._longest_own, late - (waited - self._waited))
        self._last, self._waited = now, waited

    def longest(self) -> float:
        """Seconds, since the last `start`."""
        self._tick()
        return self._longest

    def longest_own(self) -> float:
        """
        Seconds: the longest one with what the thread waited for a processor, as others had them
        all, taken off each. What is left are our turns, and waits for locks and for the kernel.
        """
        self._tick()
        return self._longest_own


class Probe(ApplicationSession):
    """The procedures `bench.*` of the measured worker."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self._watch = StallWatch()
        self._profile: cProfile.Profile | None = None

    async def onJoin(self, details: Any) -> None:
        await self.register(self._echo, "bench.echo")
        await self.register(self._watch.start, "bench.watch")
        await self.register(self._watch.longest, "bench.stall")
        await self.register(self._watch.longest_own, "bench.own_stall")
        await self.register(gc.collect, "bench.collect")
        await self.register(self._start_profile, "bench.profile")
        await self.register(self._save_profile, "bench.save_profile")

    def _echo(self, value: Any) -> Any:
        return value

    def _start_profile(self) -> None:
        """Profile the reactor's thread from the next turn on: not from within this call."""
        self._profile = cProfile.Profile()
        reactor.callLater(0, self._profile.enable)

    def _save_profile(self, path: str) -> None:
        assert self._profile is not None
        self._profile.disable()
        self._profile.dump_stats(path)
