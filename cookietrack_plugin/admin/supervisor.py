"""
The command in a child process, so that a parent is left to say what killed it.

LMDB maps its file: a damaged or truncated one can kill its reader (SIGBUS, SIGSEGV, or SIGABRT by
LMDB's own assertions), or make it loop forever. No code within a process can prevent that.
"""

import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from math import inf
from types import FrameType
from typing import Any, NoReturn

import psutil
from attrs import define

from cookietrack_plugin.admin.pulse import PULSE
from cookietrack_plugin.admin.text import printable

DAMAGED = 4
_DEADLY = (signal.SIGBUS, signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGFPE)
_PASSED_ON = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_ENDING = (signal.SIGTERM, signal.SIGHUP)
_LOOK_S = 1.0
# For the child to put away its drafts. One that hangs within LMDB does not hear a signal.
_GRACE_S = 10.0
# Processor time without a record, over and above a multiple of what was needed until then: a large
# store takes long to open, and a second reading for damage as long as the first.
_PATIENCE_S, _MULTIPLE = 60.0, 10
_PR_SET_PDEATHSIG = 1
_REMEDY = (
    "`cookietrack verify --repair` may mend it; otherwise stop its node, and restore a backup, or"
    " move it away: its clients then log in again"
)


def supervise(command: Callable[[], Any]) -> NoReturn:
    """
    Call `command` in a child process, and end as that does.

    It has our terminal and our process group: Ctrl-C and Ctrl-Z reach both, and pipes are its own.
    """
    parent, (alive, held) = os.getpid(), os.pipe()
    # From here on the child alone handles Ctrl-C.
    interruption = signal.signal(signal.SIGINT, signal.SIG_IGN)
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, interruption)
        os.close(alive)
        _die_with(parent)
        _end_by_exception()
        _run(command)
    # A reader of the child's output must not wait for us.
    os.close(held)
    watch = _Watch(pid, alive)
    watch.pass_signals_on(heeds_interruptions=interruption != signal.SIG_IGN)
    watch.wait()
    _end_like(os.waitpid(pid, 0)[1], watch)


class _Ended(SystemExit):
    """A signal ends the command; as an exception it lets open blocks remove what they made."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


def _end_by_exception() -> None:
    for number in _ENDING:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    # A terminal signals the child and the parent, which passes it on: the second one must not
    # interrupt the clearing.
    for each in _ENDING:
        signal.signal(each, signal.SIG_IGN)
    raise _Ended(number)


def _run(command: Callable[[], Any]) -> NoReturn:
    try:
        command()
    except _Ended as ended:
        _die_of(ended.number)
    sys.exit(0)


@define
class _Watch:
    """
    `alive`: a pipe that has reached its end when the child has ended. `ended_by`: the signal that
    was passed on to end it, 0 for none.
    """

    pid: int
    alive: int
    stood_still: bool = False
    ended_by: int = 0
    _grace_until_s: float = inf
    _interrupted: bool = False
    _beats: int = 0
    _busy_until_s: float = 0.0

    def pass_signals_on(self, heeds_interruptions: bool) -> None:
        for number in _PASSED_ON:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._pass_on)
        if heeds_interruptions:
            signal.signal(signal.SIGINT, self._interrupt)

    def wait(self) -> None:
        while not select.select([self.alive], [], [], _LOOK_S)[0]:
            if self._stands_still():
                self.stood_still = True
                os.kill(self.pid, signal.SIGKILL)
            elif time.monotonic() > self._grace_until_s:
                os.kill(self.pid, signal.SIGKILL)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        if number in _ENDING and not self.ended_by:
            self.ended_by, self._grace_until_s = number, time.monotonic() + _GRACE_S
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        # The terminal has signalled the child, too; one that hangs within LMDB does not react.
        if self._interrupted:
            self._pass_on(signal.SIGKILL, frame)
        self._interrupted = True

    def _stands_still(self) -> bool:
        """Whether it has used the processor for long without a beat. Waiting uses none."""
        busy = busy_s(self.pid)
        if not PULSE.is_expected or PULSE.beats != self._beats:
            self._beats, self._busy_until_s = PULSE.beats, busy
        return busy - self._busy_until_s > _PATIENCE_S + _MULTIPLE * self._busy_until_s


def busy_s(pid: int) -> float:
    """The processor time that a process has taken, in seconds."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def _die_with(parent: int) -> None:
    """Let the kernel kill the child when its parent dies, by SIGKILL too (prctl(2))."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _end_like(status: int, watch: _Watch) -> NoReturn:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        sys.exit(code)
    number, about = signal.Signals(-code), PULSE.label or "the store"
    if watch.stood_still:
        _say(f"{about} is damaged: reading it does not come to an end. {_REMEDY}")
        sys.exit(DAMAGED)
    if number in _DEADLY:
        _say(f"{about} is damaged: the process that worked on it died of {number.name}. {_REMEDY}")
        sys.exit(DAMAGED)
    if number == signal.SIGKILL and watch.ended_by:
        _die_of(watch.ended_by)
    if number == signal.SIGKILL:
        _say("the command was killed (SIGKILL), as the system does when memory runs out")
        sys.exit(128 + number)
    _die_of(number)


def _die_of(number: int) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    sys.exit(128 + number)


def _say(text: str) -> None:
    sys.stderr.write(f"Error: {printable(text)}\n")
