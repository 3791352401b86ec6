"""
Damage to the bytes of a store that is closed: zeros, noise, parts cut off or doubled.

Records may be lost by it, and opening may be refused. What may not be: a record that was never
stored, or not under this id; one that had been ended, where its end is not what was damaged; a
method that does not end, or raises what is no error of ours; a process that dies, unless the store
maps its file; a store that is not clean after `repair` and says nothing.
"""

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from campaign.drive import at_once, drive
from campaign.oracle import Oracle
from campaign.performer import Torn
from campaign.places import Place, new_place
from campaign.steps import Author
from campaign.trial import Round, Trial, embedded
from cookietrack_plugin.errors import CookieTrackError
from cookietrack_plugin.testing import process as testing_process
from cookietrack_plugin.testing.process import StoreProcess

_STEPS = 40
_DAMAGES = 40
_PAGE = 4096
# Pages in which LMDB says which state of the store is the last one.
_META_BYTES = 2 * _PAGE
# Changes of a batch.
_BATCH = 8


@frozen
class Damage:
    """`how` the bytes from `start` to `end` of a file are altered."""

    how: str
    start: int
    end: int

    def of(self, data: bytes, choice: random.Random) -> bytes:
        before, hit, behind = data[: self.start], data[self.start : self.end], data[self.end :]
        match self.how:
            case "zeros":
                return before + bytes(len(hit)) + behind
            case "noise":
                return before + choice.randbytes(len(hit)) + behind
            case "bit":
                return before + bytes([hit[0] ^ 1 << choice.randrange(8)]) + hit[1:] + behind
            case "cut off":
                return before
            case "taken out":
                return before + behind
            case _:
                return before + hit + hit + behind


def damage(round: Round) -> None:
    """One history, and its files damaged in some ways, each time as they were."""
    oracle = Oracle()
    with new_place(round.options()) as place:
        process = place.start()
        process.open()
        drive(process, oracle, Author(round.choice).history(_STEPS), at_once)
        process.call("close")
        place.end(process)
        whole = {path: path.read_bytes() for path in _files(place.node)}
        for _ in range(round.often(_DAMAGES)):
            _try(place, whole, oracle, round)
            for path in _files(place.node, all=True):
                path.unlink()
            for path, data in whole.items():
                path.write_bytes(data)
    round.tally.acknowledged += oracle.acknowledged


def _files(node: Path, all: bool = False) -> list[Path]:
    """Those with records; or all that are there."""
    found = sorted(path for path in node.rglob("*") if path.is_file())
    return [path for path in found if all or not path.name.endswith(("lock.mdb", ".lock"))]


def _try(place: Place, whole: dict[Path, bytes], oracle: Oracle, round: Round) -> None:
    path = round.choice.choice(list(whole))
    damage = _damage(whole[path], round.choice)
    path.write_bytes(damage.of(whole[path], round.choice))
    process = place.start()
    case = _Case(round, oracle, damage, whole[path], place.options["type"])
    for act in (case.open, case.read, case.verify, case.repair):
        if not case.survives(act, process):
            break
    place.end(process)
    round.note("damages")


def _damage(data: bytes, choice: random.Random) -> Damage:
    how = choice.choice(["zeros", "noise", "bit", "cut off", "taken out", "doubled"])
    if choice.random() < 0.5 and how in ("zeros", "noise", "taken out", "doubled"):
        unit = choice.choice([512, _PAGE // 2, _PAGE])
        start = choice.randrange(len(data) // unit + 1) * unit
        return Damage(how, min(start, len(data) - 1), start + unit)
    start = choice.randrange(len(data))
    return Damage(how, start, start + choice.choice([1, 4, 16, 200]))


@frozen
class _Case:
    round: Round
    oracle: Oracle
    damage: Damage
    whole: bytes
    store_type: str

    def survives(self, act: Any, process: StoreProcess) -> bool:
        """Whether the store can be asked for more."""
        began = time.monotonic()
        try:
            act(process)
        except (CookieTrackError, Torn) as error:
            self.round.note("refused")
            if isinstance(error, Torn):
                self._fail(act, str(error))
            return False
        except EOFError:
            self._ended(act, hangs=time.monotonic() - began >= testing_process.PATIENCE)
            return False
        return True

    def open(self, process: StoreProcess) -> None:
        process.open()

    def read(self, process: StoreProcess) -> None:
        self._judge(process.call("everything"))

    def verify(self, process: StoreProcess) -> None:
        self.round.note("reported", process.call("damaged") > 0)

    def repair(self, process: StoreProcess) -> None:
        process.call("repair")
        if process.call("damaged"):
            self._fail(self.repair, "the store is not clean after it")
        self._judge(process.call("everything"))

    def _judge(self, found: Any) -> None:
        invented = sorted(self.oracle.invented(found))
        if self.store_type == "sql":
            # SQLite has no checksums: it reads what is there.
            self.round.note("altered", len(invented))
            return
        if invented:
            self._fail(self.read, f"never stored: {', '.join(invented)}")
        verdict = self.oracle.judge(found)
        self.round.note("lost", len(verdict.lost))
        if revived := verdict.revived - self._endings_hit():
            self.round.tally.revived += len(revived)
            self._fail(self.read, f"revived: {', '.join(sorted(revived))}")

    def _endings_hit(self) -> frozenset[str]:
        """The ids whose last word may be among what was damaged."""
        everyone = frozenset(self.oracle.ever())
        if self.store_type == "lmdb":
            return everyone if self.damage.start < _META_BYTES else frozenset()
        if self.store_type != "file":
            # Nobody knows where it keeps what.
            return everyone
        lines = self.whole.splitlines(keepends=True)
        last = {id: n for n, line in enumerate(lines) for id in everyone if _is_of(line, id)}
        return frozenset(id for id, number in last.items() if self._is_hit(lines, number))

    def _is_hit(self, lines: Sequence[bytes], number: int) -> bool:
        """Whether a line is damaged, or one of those that may be of its batch."""
        start = len(b"".join(lines[: max(0, number - _BATCH)]))
        end = len(b"".join(lines[: number + _BATCH + 1]))
        behind = len(self.whole) if self.damage.how == "cut off" else self.damage.end
        return self.damage.start < end and start < behind

    def _ended(self, act: Any, hangs: bool) -> None:
        if hangs:
            self._fail(act, "does not end")
        elif self.store_type == "lmdb":
            self.round.note("died")
        else:
            self._fail(act, "the process dies")

    def _fail(self, act: Any, what: str) -> None:
        self.round.fail(f"{self.damage}, {act.__name__}: {what}")


def _is_of(line: bytes, id: str) -> bool:
    return f'"{id}"'.encode() in line


TRIAL = Trial("damage", damage, embedded(), rounds=8)
