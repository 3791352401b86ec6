"""
Power cuts that are replayed: a history is written down call by call, and after each call the disk
may be in any of the states that `diskmodel` knows. The store is opened on many of them.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import define, field

from campaign import oplog
from campaign.diskmodel import DiskModel, write_state
from campaign.drive import take
from campaign.oracle import Oracle
from campaign.performer import Torn
from campaign.places import Place, new_place
from campaign.steps import Author, Step
from campaign.trial import Round, Trial, embedded
from cookietrack_plugin.errors import CookieTrackError
from cookietrack_plugin.testing.process import StoreProcess

_STEPS = 30
_STATES = 400
# Of the states, how many are opened twice, with a change in between.
_SECOND_LOOKS = 0.2
# Rebuilt by whoever opens the store first; no process writes them through calls.
_NEVER = ("lock.mdb", "-shm", ".lock")


def powercuts(round: Round) -> None:
    """One history, of two processes one after the other, and some hundred states of the disk."""
    author = Author(round.choice)
    histories = [author.history(round.often(_STEPS)) for _ in range(2)]
    with new_place(round.options()) as place:
        log = place.folder / "log"
        answers = [_write_down(place, log, steps) for steps in histories]
        scene = _Scene(round, place, histories, answers, place.start_examiner())
        entries = list(oplog.read(log))
        wanted = round.often(_STATES)
        chosen = sorted(round.choice.choices(range(len(entries)), k=wanted))
        scene.replay(entries, chosen)


def _write_down(place: Place, log: Path, steps: Sequence[Step]) -> list[Any]:
    """Let a process perform the steps; what it answered."""
    process = place.start({"CAMPAIGN_DIR": str(place.node), "CAMPAIGN_LOG": str(log)})
    process.open()
    answers = [process.call("perform", number, step) for number, step in enumerate(steps)]
    process.call("close")
    place.end(process)
    return answers


@define
class _Scene:
    """Replays a log; `oracle` knows what is acknowledged so far."""

    round: Round
    place: Place
    histories: Sequence[Sequence[Step]]
    answers: Sequence[Sequence[Any]]
    examiner: StoreProcess
    oracle: Oracle = field(factory=Oracle)
    _process: int = -1

    def replay(self, entries: Sequence[oplog.Entry], chosen: Sequence[int]) -> None:
        disk = DiskModel(self.place.node)
        for number, entry in enumerate(entries):
            if entry.kind == oplog.NOTE:
                self._hear(entry.path)
            disk.feed(entry)
            for _ in range(chosen.count(number)):
                self._look(disk, number)
                if self.round.has_failed():
                    # One is enough to find the defect by.
                    return
        self.round.tally.acknowledged += self.oracle.acknowledged

    def _hear(self, note: str) -> None:
        word, _, number = note.partition(" ")
        if word == "opening":
            self._process += 1
        elif word in ("begin", "done"):
            step = self.histories[self._process][int(number)]
            if word == "begin":
                self.oracle.doubt(step)
            else:
                self._acknowledge(step, self.answers[self._process][int(number)])

    def _acknowledge(self, step: Step, answer: Any) -> None:
        # The doubt has ended: `states[0]` is what was there before the step.
        self.oracle.states = self.oracle.states[:1]
        self.oracle.acknowledge(step, answer)

    def _look(self, disk: DiskModel, number: int) -> None:
        folder = self.place.folder / "state"
        folder.mkdir()
        state = disk.state(self.round.choice)
        write_state({k: v for k, v in state.items() if not k.endswith(_NEVER)}, folder)
        try:
            self._open(folder, number)
        finally:
            shutil.rmtree(folder)
        self.round.note("states")

    def _open(self, folder: Path, number: int) -> None:
        when = f"power cut after call {number}"
        # What was found stays, and changes are taken, also after it was opened once more.
        looks_again = self.round.choice.random() < _SECOND_LOOKS
        steps = Author(self.round.choice).history(2) if looks_again else []
        try:
            found, answers, again = self.examiner.call("examine", str(folder), steps)
        except (CookieTrackError, Torn) as error:
            self.round.fail(f"{when}: {type(error).__name__}: {error}")
        except EOFError:
            self.examiner = self.place.start_examiner()
            self.round.fail(f"{when}: the process that opens the store dies, or hangs")
        else:
            if self.round.judge(self.oracle, found, when) and steps:
                later = Oracle([found])
                take(later, steps, answers)
                self.round.judge(later, again, f"{when}, opened twice")


TRIAL = Trial("powercuts", powercuts, embedded(), rounds=5)
