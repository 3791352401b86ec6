"""kill -9 at any moment: of a process that has the store open, or of the one that writes for it."""

import random
import time
from threading import Timer

import psutil

from campaign.drive import at_once, drive, rest, take
from campaign.oracle import Oracle
from campaign.places import Place, new_place
from campaign.steps import Author
from campaign.trial import Round, Trial, embedded
from cookietrack_plugin.testing.process import StoreProcess

_KILLS = 8
_STEPS = 40
# Seconds within which the blow falls: while a store is opened, and while it is at work.
_OPENING_S = 0.05
_WORKING_S = 0.005
_WRITING_S = 0.03


def kills(round: Round) -> None:
    """Several kills in one history; after each the store is opened, read and compared."""
    author, oracle = Author(round.choice), Oracle()
    with new_place(round.options()) as place:
        for kill in range(round.often(_KILLS)):
            process = place.start()
            if round.choice.random() < 0.25:
                process.open()
                _kill_writer(process, author, oracle, round)
                process.kill()
            else:
                _kill_node(process, author, oracle, round)
            place.end(process)
            if not _is_whole(place, oracle, round, f"after kill {kill + 1}"):
                break
    round.tally.acknowledged += oracle.acknowledged


def _kill_node(process: StoreProcess, author: Author, oracle: Oracle, round: Round) -> None:
    steps = author.history(_STEPS)
    wanted = round.choice.choice([0, round.choice.randrange(_STEPS)])
    process.begin_to_open()
    for number, step in enumerate(steps):
        process.send("perform", number, step)
    answers = [process.receive() for _ in range(wanted)]
    process.kill(round.choice.uniform(0, _WORKING_S if wanted else _OPENING_S))
    answers += rest(process)
    # The first one is the answer to open().
    if answers:
        take(oracle, steps, answers[1:])


def _kill_writer(process: StoreProcess, author: Author, oracle: Oracle, round: Round) -> None:
    """The store goes on by itself."""
    steps = author.history(_STEPS)
    delay = round.choice.uniform(0, _WRITING_S)
    blow = Timer(delay, _kill_children, [process.pid])
    blow.start()
    try:
        drive(process, oracle, steps, lambda _: not blow.is_alive())
    finally:
        blow.join()


def _kill_children(pid: int) -> None:
    # It begins with the first change.
    deadline = time.monotonic() + random.uniform(0, 0.2)
    while not (children := psutil.Process(pid).children()) and time.monotonic() < deadline:
        time.sleep(0.001)
    for child in children:
        child.kill()


def _is_whole(place: Place, oracle: Oracle, round: Round, when: str) -> bool:
    """Compare what is there; what was found is the beginning of what comes next."""
    process = place.start()
    process.open()
    found = process.call("everything")
    good = round.judge(oracle, found, when)
    if good:
        oracle.settle(found)
        drive(process, oracle, Author(round.choice).history(1), at_once)
    place.end(process)
    return good


TRIAL = Trial("kills", kills, embedded(), rounds=40)
