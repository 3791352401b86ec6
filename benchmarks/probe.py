"""Runs inside the measured worker, on its reactor: answers calls, and watches how late it runs."""

import cProfile
import time
from typing import Any

from autobahn.twisted.wamp import ApplicationSession
from twisted.internet import reactor
from twisted.internet.task import LoopingCall

STEP = 0.001


class StallWatch:
    """The longest time that the reactor was late for a call due every millisecond."""

    def __init__(self, clock: Any = time.perf_counter) -> None:
        self._clock = clock
        self._loop = LoopingCall(self._tick)
        self._last = 0.0
        self._longest = 0.0

    def start(self) -> None:
        self._last = self._clock()
        self._longest = 0.0
        if not self._loop.running:
            self._loop.start(STEP, now=False)

    def _tick(self) -> None:
        now = self._clock()
        self._longest = max(self._longest, now - self._last - STEP)
        self._last = now

    def longest(self) -> float:
        """Seconds, since the last `start`."""
        self._tick()
        return self._longest


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
