"""A trial: faults of one kind. A subject: a store that it is made with. A round: one history."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from attrs import define, field, frozen

from campaign.oracle import Oracle
from campaign.places import EMBEDDED, Options
from campaign.steps import Records


@frozen
class Subject:
    """`server`: what stands behind the store, for trials that break it."""

    options: Callable[[random.Random], Options]
    server: Any = None


@define
class Tally:
    """`failures`: what went wrong, by seed. `notes`: what is allowed, and worth a number."""

    rounds: int = 0
    acknowledged: int = 0
    lost: int = 0
    revived: int = 0
    failures: list[tuple[int, str]] = field(factory=list)
    notes: Counter[str] = field(factory=Counter)


@define
class Round:
    """
    One history, all of it by `seed`. `effort`: how much is tried with it, 1.0 for what a campaign
    does.
    """

    subject: Subject
    seed: int
    effort: float
    tally: Tally
    choice: random.Random = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.choice = random.Random(self.seed)

    def options(self) -> Options:
        return self.subject.options(self.choice)

    def often(self, number: int) -> int:
        """`number` in a campaign, fewer in a test."""
        return max(1, round(number * self.effort))

    def fail(self, what: str) -> None:
        self.tally.failures.append((self.seed, what))

    def has_failed(self) -> bool:
        return any(seed == self.seed for seed, _ in self.tally.failures)

    def note(self, what: str, count: int = 1) -> None:
        self.tally.notes[what] += count

    def judge(self, oracle: Oracle, found: Records, when: str) -> bool:
        """Whether the store holds what it has to."""
        verdict = oracle.judge(found)
        self.tally.lost += len(verdict.lost)
        self.tally.revived += len(verdict.revived)
        if not verdict.is_good:
            self.fail(f"{when}: {verdict}")
        return verdict.is_good


Play = Callable[[Round], None]
Subjects = Mapping[str, Callable[[], AbstractContextManager[Subject]]]


@frozen
class Trial:
    """`rounds`: in a campaign of some minutes, with each subject."""

    name: str
    play: Play
    subjects: Subjects
    rounds: int


def play(trial: Trial, subject: Subject, seed: int, tally: Tally, effort: float = 1.0) -> None:
    """One round. What nobody expected is a failure of it."""
    round = Round(subject, seed, effort, tally)
    try:
        trial.play(round)
    except Exception as error:  # noqa: BLE001 - it is told, and the campaign goes on
        round.fail(f"{type(error).__name__}: {error}")
    tally.rounds += 1


def embedded(*names: str) -> Subjects:
    """Stores in files, all or those named: no server stands behind them."""
    return {name: _maker(EMBEDDED[name]) for name in names or EMBEDDED}


def _maker(
    options: Callable[[random.Random], Options],
) -> Callable[[], AbstractContextManager[Subject]]:
    @contextmanager
    def make() -> Iterator[Subject]:
        yield Subject(options)

    return make
