"""
Several processes that change the same few records at once.

They play in volleys: each process gets its steps at the same moment, and when all have answered,
some order of the steps has to explain the answers, what is there, and what the feed tells: see
`orders`.
"""

from collections.abc import Sequence
from typing import Any

from attrs import evolve

from campaign.orders import Volley
from campaign.places import Options, new_place
from campaign.steps import IDS, Author, Commit, Records, RevokeUser, Step, begun_now
from campaign.subjects import SERVERS, redis_cluster
from campaign.trial import Round, Subjects, Trial, embedded
from cookietrack_plugin.record import Auth, Authenticate, Change, Create
from cookietrack_plugin.testing.process import StoreProcess

_VOLLEYS = 25
_FEW = IDS[:4]
# Steps of a process in a volley: three processes with two have 90 orders.
_STEPS = 2


def rivals(round: Round) -> None:
    """Two or three processes, some volleys."""
    with new_place(round.options()) as place:
        processes = [place.start() for _ in range(round.choice.choice([2, 3]))]
        for process in processes:
            process.open()
        # Of several partitions only what is about one record is one step.
        is_one = place.options.get("partitions", 1) == 1
        # PostgreSQL tells others that a record is gone which a batch deletes and creates again.
        author = Author(round.choice, _FEW, repeats=_is_one_writer(place.options))
        records: Records = {}
        for volley in range(round.often(_VOLLEYS)):
            steps = [_steps(author, is_one) for _ in processes]
            answers = _fire(processes, steps)
            found = processes[0].call("load", _FEW)
            told = [frozenset(process.call("told")) for process in processes]
            fired = Volley(records, steps, answers, found, told)
            if what := _wrong(fired, place.options, round):
                round.fail(f"volley {volley + 1}: {what}: {_shown(records, steps, answers)}")
                return
            records = found
            round.tally.acknowledged += sum(map(len, steps))


def _wrong(volley: Volley, options: Options, round: Round) -> str:
    what = volley.unexplained()
    if not what or _is_one_writer(options):
        return what
    # The contract says "all or none", and not that nothing of another batch comes in between: a
    # change of another record that does not apply may have been looked at before.
    round.note("volleys of batches that mingle")
    for id in _FEW:
        own = volley.about(id)
        # A sweep may pass over a record that somebody is at work on: the next one takes it.
        if (what := own.unexplained()) and own.unswept().unexplained():
            return f"of {id[-2:]}, {what}"
    return ""


def _is_one_writer(options: Options) -> bool:
    """Whether the engine takes one batch after the other."""
    return options["type"] == "lmdb" or str(options.get("url")).startswith("sqlite")


def _steps(author: Author, is_one: bool) -> list[Step]:
    return [_begun_now(author.step() if is_one else author.lone()) for _ in range(_STEPS)]


def _shown(
    records: Records, steps: Sequence[Sequence[Step]], answers: Sequence[Sequence[Any]]
) -> str:
    """A volley, for people who look for the defect."""
    before = ", ".join(f"{id[-2:]} {_user(each.auth)}" for id, each in sorted(records.items()))
    told = [
        "; ".join(f"{_words(step)} -> {answer}" for step, answer in zip(*each, strict=True))
        for each in zip(steps, answers, strict=True)
    ]
    return f"[{before}] " + " | ".join(told)


def _words(step: Step) -> str:
    match step:
        case Commit(changes):
            return "+".join(map(_word, changes))
        case RevokeUser(authid, authrealm, keep):
            return f"revoke {authid}@{authrealm} but {[id[-2:] for id in keep]}"
        case _:
            return "expire"


def _word(change: Change) -> str:
    match change:
        case Create(cookie):
            return f"create {cookie.id[-2:]} {_user(cookie.auth)}"
        case Authenticate(id, auth):
            return f"login {id[-2:]} {_user(auth)}"
        case _:
            return f"{type(change).__name__.lower()} {change.id[-2:]}"


def _user(auth: Auth | None) -> str:
    return f"{auth.authid}@{auth.authrealm}" if auth else "-"


def _begun_now(step: Step) -> Step:
    """Its logins begin with the volley."""
    if not isinstance(step, Commit):
        return step
    return evolve(step, changes=[begun_now(change) for change in step.changes])


def _fire(processes: Sequence[StoreProcess], steps: Sequence[Sequence[Step]]) -> list[list[Any]]:
    for process, own in zip(processes, steps, strict=True):
        for number, step in enumerate(own):
            process.send("perform", number, step)
    return [[process.receive() for _ in own] for process, own in zip(processes, steps, strict=True)]


_SUBJECTS: Subjects = {
    **embedded("lmdb", "sqlite"),
    **SERVERS,
    "redis-cluster": redis_cluster,
}

TRIAL = Trial("rivals", rivals, _SUBJECTS, rounds=12)
