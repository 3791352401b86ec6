"""Ended is ended: raw clients that ignore GOODBYE and Close."""

from collections.abc import Iterator

import pytest

from benchmarks.load import wire
from tests.support.endings import CUT_OFF_S, WAYS, Victim, end_all
from tests.support.node import wait_for
from tests.support.sites import OPERATOR, Door, Site
from tests.support.wamp import GOODBYE

pytest_plugins = ["tests.support.servers"]
pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def outcome(site: Site) -> Iterator[dict[str, list[Victim]]]:
    """All ways at once, as each client is watched for seconds."""
    return end_all(site)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def victims(way: str, outcome: dict[str, list[Victim]]) -> list[Victim]:
    return outcome[way]


def test_nothing_that_it_sends_is_heard(victims: list[Victim]) -> None:
    for victim in victims:
        assert victim.door.observer.heard_of(victim.key), f"{victim.key} was heard before its end"
    late = {victim.key: victim.heard_after_its_end() for victim in victims}
    assert {key: heard for key, heard in late.items() if heard} == {}


def test_the_router_has_nothing_of_it(victims: list[Victim]) -> None:
    known = {victim.key: victim.known_as for victim in victims if victim.known_as}
    assert known == {}


def test_it_is_told_why_and_then_cut_off(way: str, victims: list[Victim]) -> None:
    late = {each.key: each.seconds_until_gone() for each in victims}
    assert {key: seconds for key, seconds in late.items() if seconds > CUT_OFF_S} == {}
    for victim in victims:
        farewells = [message[2] for message in victim.told if message[0] == GOODBYE]
        assert farewells == [WAYS[way].reason], victim.key
        assert victim.told[-1][0] == GOODBYE, f"{victim.key} was told more behind it"


def test_a_request_id_of_two_calls_leaves_nothing_of_a_session_on_the_router(
    door: Door, site: Site
) -> None:
    user = site.user()
    own, slow = f"test.own.{user}", f"test.slow.{user}"
    with (
        site.here["router"].client().log_in(OPERATOR) as callee,
        door.client().log_in(user) as victim,
    ):
        callee.register(slow)
        victim.register(own)
        victim.send(*[wire.message(wire.CALL, 777, {}, slow, [])] * 2)
        site.operator.call("cookietrack.revoke_by_authid", *user.split("@"))
        wait_for(victim.is_gone, "it is cut off")
        assert site.operator.call("wamp.registration.lookup", own) is None
        # Another one may have it.
        callee.register(own)
