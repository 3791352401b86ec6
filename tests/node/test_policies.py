"""One store behind transports that demand different things: the strictest binds."""

import pytest

from benchmarks.load import wire
from tests.support.node import wait_for
from tests.support.sites import BRIEF_S, Door, Site
from tests.support.wamp import GOODBYE

pytest_plugins = ["tests.support.servers"]
pytestmark = pytest.mark.node

STRICT = ("short", "bounded")


def test_a_cookie_is_good_where_its_age_is_and_nowhere_else(door: Door, site: Site) -> None:
    """It was given where it may be a day old, and presented where two seconds are allowed."""
    user = site.user()
    with door.client().log_in(user) as first:
        assert first.given is not None
        tabs = [door.client(first.given, demand).come_back(user) for demand in STRICT]
        for tab in tabs:
            with tab:
                wait_for(lambda tab=tab: tab.has_received(GOODBYE), "it is closed", 4 * BRIEF_S)
                assert tab.rest()[-1][2] == "cookietrack.close.expired"
        for demand in STRICT:
            with door.client(first.given, demand) as late:
                assert late.given is not None, demand
                assert late.say_hello(user)[0] == wire.CHALLENGE, demand
        assert first.answers()
        with door.client(first.given) as again:
            again.come_back(user)
