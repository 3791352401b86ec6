"""
Logins, messages, logouts and revocations at random, at two nodes whose clocks are apart, while
their ways to the store fail: checked against the history of it. And the same without failures, of
clients who know who must be known.
"""

import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from cookietrack_plugin.stores.kit.paging import records
from tests.support.apart import LIMITS, MAX_SESSIONS, WALKERS, Apart
from tests.support.endings import ELSEWHERE_S
from tests.support.history import History, now
from tests.support.limited import Visit, logins_of
from tests.support.node import wait_for
from tests.support.walkers import Walker, users
from tests.support.wanderers import Network, Revoker, Wanderer

pytest_plugins = ["tests.support.servers"]
pytestmark = [pytest.mark.node, pytest.mark.server]

WANDERERS, USERS_EACH = 8, 1
# For more than what fits into a run of all tests, and to do the same again.
STEPS = int(os.environ.get("COOKIETRACK_STEPS", "500"))
# Of each walker. How many logins race.
WALK, LOGINS = 150, 200
SEED = int(os.environ.get("COOKIETRACK_SEED", random.randrange(2**32)))


def test_nobody_who_was_revoked_is_answered_and_everybody_else_is(apart: Apart) -> None:
    history, choices = History(), random.Random(SEED)
    named = [[apart.site.user() for _ in range(USERS_EACH)] for _ in range(WANDERERS)]
    wanderers = [Wanderer(apart, history, own, random.Random(choices.random())) for own in named]
    everybody = [user for own in named for user in own]
    revoker = Revoker(apart, history, everybody, random.Random(choices.random()))
    network = Network(apart, history, random.Random(choices.random()))
    with ThreadPoolExecutor(WANDERERS) as pool:
        with running(revoker, network):
            list(pool.map(lambda each: each.wander(STEPS // WANDERERS), wanderers))
        wait_for(lambda: all_is_due(history), "every end is heard of")
        list(pool.map(Wanderer.check_ended, wanderers))
        list(pool.map(Wanderer.check_others, wanderers))
    report(history)
    assert history.faults + unfounded(history) == [], f"COOKIETRACK_SEED={SEED}"


@contextmanager
def running(*others: Revoker | Network) -> Iterator[None]:
    """They go on until the end of the block; what any of them raised is raised."""
    with ThreadPoolExecutor(len(others)) as pool:
        going = [pool.submit(other.run) for other in others]
        try:
            yield
        finally:
            for other in others:
                other.stop.set()
        for each in going:
            each.result()


def all_is_due(history: History) -> bool:
    ends = [span.end for spans in history.revoked.values() for span in spans if span.end]
    return all(history.due(half, end) < now() for half in (0, 1) for end in ends)


def unfounded(history: History) -> list[str]:
    """Those whose session was over, although nothing had ended it."""
    return [
        f"{each.user} at node {each.half} was ended by nothing"
        for each in history.sessions
        if each.over and not history.can_be_over(each.user, each.cookie, each.half, each.began)
    ]


def report(history: History) -> None:
    """What was tried: shown with `pytest -s`, and where it fails."""
    revoked = [span for spans in history.revoked.values() for span in spans]
    print(f"\n{len(history.sessions)} sessions, {sum(map(len, history.outages))} outages,", end=" ")
    print(f"{sum(span.end is not None for span in revoked)} of {len(revoked)} revocations done")
    assert history.sessions
    assert any(span.end for span in revoked)


# -- without failures ---------------------------------------------------------------------------


def test_whatever_is_done_at_both_nodes_at_once_both_know_who_is_who(apart: Apart) -> None:
    """At a router worker of the one, and a proxy worker of the other."""
    right, late = apart.halves
    ports = [right.doors["router"].port("walked"), late.doors["proxy"].port("walked")]
    logged = [len(half.place.node.output()) for half in apart.halves]
    walkers = [Walker(number, ports, apart.store) for number in range(WALKERS)]
    with ThreadPoolExecutor(WALKERS) as pool:
        list(pool.map(lambda walker: walker.walk(WALK), walkers))
    for walker in walkers:
        found = [
            cookie for user in users(walker.number) for cookie in records(apart.store, authid=user)
        ]
        assert {cookie.id: cookie.auth.authid for cookie in found} == walker.known_ids()
    for half, before in zip(apart.halves, logged, strict=True):
        assert "Traceback" not in half.place.node.output()[before:]


@pytest.mark.parametrize("choice", LIMITS)
def test_however_many_logins_of_a_user_race_at_both_nodes_no_more_are_in_than_may_be(
    choice: str, apart: Apart
) -> None:
    """At all four workers: two of them have the same clock, so that any of theirs can be oldest."""
    ports = [door.port(choice) for half in apart.halves for door in half.doors.values()]
    visits = [Visit(ports[number % len(ports)], choice) for number in range(LOGINS)]
    try:
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(Visit.begin, visits))
        for each in visits:
            each.prove()
        for each in visits:
            each.hear()
        over, store = time.monotonic(), apart.store
        wait_for(lambda: len(logins_of(store, choice)) <= MAX_SESSIONS, "it holds", ELSEWHERE_S)
        ids = logins_of(store, choice)
        wait_for(lambda: {v.id for v in visits if v.is_in()} == ids, "all know", ELSEWHERE_S)
        print(f"{len(ids)} of {LOGINS} are in, {time.monotonic() - over:.3f} s after the last")
        assert ids
        if choice == "deny":
            assert len(ids) == MAX_SESSIONS
            assert sum(each.was_denied() for each in visits) > LOGINS // 2
        again = Visit(ports[0], choice)
        again.begin()
        again.prove()
        again.hear()
        assert again.is_in() == (choice == "end_oldest")
        visits.append(again)
    finally:
        for each in visits:
            each.close()
