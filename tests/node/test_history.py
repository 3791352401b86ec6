"""
Logins, messages, logouts and revocations at random, at two nodes whose clocks are apart, while
their ways to the store fail: checked against the history of it.
"""

import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.support.apart import Apart
from tests.support.history import History, now
from tests.support.node import wait_for
from tests.support.wanderers import Network, Revoker, Wanderer

pytest_plugins = ["tests.support.servers"]
pytestmark = [pytest.mark.node, pytest.mark.server]

WANDERERS, USERS_EACH = 8, 1
# For more than what fits into a run of all tests, and to do the same again.
STEPS = int(os.environ.get("COOKIETRACK_STEPS", "500"))
SEED = int(os.environ.get("COOKIETRACK_SEED", random.randrange(2**32)))


def test_nobody_who_was_revoked_is_answered_and_everybody_else_is(apart: Apart) -> None:
    history, choices = History(), random.Random(SEED)
    users = [[apart.site.user() for _ in range(USERS_EACH)] for _ in range(WANDERERS)]
    wanderers = [Wanderer(apart, history, own, random.Random(choices.random())) for own in users]
    everybody = [user for own in users for user in own]
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
