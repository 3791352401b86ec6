"""Calls that fail: each call of a history, once or for a while, with each of its errnos."""

import errno
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import frozen

from campaign.drive import Errors, Stuck, at_once, drive, open_patiently
from campaign.oracle import Contradiction, Oracle
from campaign.places import Options, Place, new_place
from campaign.plan import FOR_EVER, SHORT, Plan
from campaign.steps import Author, Step
from campaign.trial import Round, Trial, embedded
from cookietrack_plugin.errors import CookieTrackError, StoreCorrupt, StoreUnavailable

_STEPS = 20
# Those of a process before, in every other round: the store is there when calls begin to fail.
_EARLIER = 12
_FAULTS = 60
# Refusals after which a fault that lasts is over.
_LASTS = 3
_DISK = (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS)
# The next call goes on.
_ONCE = (SHORT, errno.EINTR)
# By call; `SHORT` is a write of a part.
ERRNOS: Mapping[str, Sequence[int]] = {
    "open": (errno.EIO, errno.ENOSPC, errno.EROFS, errno.EMFILE, errno.EINTR, errno.ENOMEM),
    "write": (*_DISK, errno.EINTR, errno.ENOMEM, SHORT),
    "truncate": (*_DISK, errno.EINTR),
    "rename": _DISK,
    "unlink": (errno.EIO, errno.EROFS),
    "sync": (*_DISK, errno.EINTR),
    "read": (errno.EIO, errno.EINTR),
    "mmap": (errno.ENOMEM,),
    "lock": (errno.ENOLCK, errno.EINTR),
    "thread": (errno.EAGAIN,),
}


@frozen
class Fault:
    """The calls `first` and the following fail; `lasts`: until some changes were refused."""

    call: str
    first: int
    number: int
    lasts: bool

    def __str__(self) -> str:
        name = errno.errorcode.get(self.number, "half of it")
        return f"{self.call} {self.first}{' and on' if self.lasts else ''}: {name}"


def errnos(round: Round) -> None:
    """One history, again and again, each time with another call that fails."""
    options, steps = round.options(), Author(round.choice).history(_STEPS)
    earlier = round.choice.choice([0, _EARLIER])
    for fault in _faults(counted(options, steps, earlier), round):
        with new_place(options) as place:
            try:
                endure(place, steps, fault, round, earlier)
            except (CookieTrackError, Contradiction, Stuck, EOFError, OSError) as error:
                round.fail(f"{fault}: {type(error).__name__}: {error}")
        round.note("faults")
        if round.has_failed():
            # One is enough to find the defect by, and some take long.
            return


def counted(options: Options, steps: Sequence[Step], earlier: int) -> dict[str, int]:
    """How often each call is made, in what `endure` does with these."""
    with new_place(options) as place, Plan(place.folder / "plan") as plan:
        oracle = Oracle()
        _fill(place, oracle, steps[:earlier])
        process = place.start(_environment(place, plan.path))
        process.open()
        drive(process, oracle, steps[earlier:], at_once)
        process.call("close")
        return plan.made()


def _faults(made: Mapping[str, int], round: Round) -> list[Fault]:
    """Some of all that there are: with a whole campaign of them, each call comes to fail."""
    places = [(call, n + 1) for call, count in made.items() for n in range(count)]
    chosen = round.choice.sample(places, min(len(places), round.often(_FAULTS)))
    return [_fault(call, first, round.choice) for call, first in chosen]


def _fault(call: str, first: int, choice: random.Random) -> Fault:
    number = choice.choice(ERRNOS[call])
    return Fault(call, first, number, number not in _ONCE and choice.random() < 0.5)


def endure(place: Place, steps: Sequence[Step], fault: Fault, round: Round, earlier: int) -> None:
    """
    Perform the first `earlier` steps, and then the others with a fault.

    :raises Stuck, CookieTrackError: the store did not outlive it. What is lost or revived is in the
        round's tally.
    """
    oracle = Oracle()
    _fill(place, oracle, steps[:earlier])
    with Plan(place.folder / "plan") as plan:
        process = place.start(_environment(place, plan.path))
        plan.begin(fault.call, fault.first, FOR_EVER if fault.lasts else 1, fault.number)
        open_patiently(process, lambda count: _is_over(plan, fault, count))
        rest, away = steps[earlier:], _away(place, fault)
        drive(process, oracle, rest, lambda count: _is_over(plan, fault, count), away)
        plan.end()
        round.judge(oracle, process.call("everything"), f"{fault}, before it is closed")
        process.call("close")
        place.end(process)
    round.tally.acknowledged += oracle.acknowledged
    _reopen(place, oracle, fault, round)


def _fill(place: Place, oracle: Oracle, steps: Sequence[Step]) -> None:
    if not steps:
        return
    process = place.start()
    process.open()
    drive(process, oracle, steps, at_once)
    process.call("close")
    place.end(process)


def _away(place: Place, fault: Fault) -> Errors:
    """SQLite calls a read that fails with EIO a malformed file, too."""
    if place.options["type"] == "sql" and fault.call == "read":
        return StoreUnavailable, StoreCorrupt
    return (StoreUnavailable,)


def _is_over(plan: Plan, fault: Fault, count: int) -> bool:
    if fault.lasts and count < _LASTS:
        return False
    plan.end()
    return True


def _reopen(place: Place, oracle: Oracle, fault: Fault, round: Round) -> None:
    process = place.start()
    process.open()
    round.judge(oracle, process.call("everything"), f"{fault}, opened again")
    place.end(process)


def _environment(place: Place, plan: Path) -> dict[str, str]:
    return {"CAMPAIGN_DIR": str(place.node), "CAMPAIGN_PLAN": str(plan)}


TRIAL = Trial("errnos", errnos, embedded(), rounds=4)
