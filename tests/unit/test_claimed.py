"""What a client says of itself in HELLO, without what is not its own to say."""

import pytest
from autobahn.wamp.exception import ProtocolError
from autobahn.wamp.message import Hello

from cookietrack_plugin.router.claimed import (
    claimed_extra,
    claimed_identity,
    without_connection,
)
from tests.support.protocols import CLIENT


@pytest.mark.parametrize("key", ["transport", "x_cb_peer", "x_cb_proxy_peer", "x_cb_"])
def test_what_describes_the_connection_is_neither_the_clients_nor_lasting(key):
    extra = {key: {"http_cbtid": "x"}, "team": 5, 7: "x"}
    before = dict(extra)
    assert claimed_extra(extra) == without_connection(extra) == {"team": 5, 7: "x"}
    assert extra == before


def test_lifetimes_are_the_authenticators_to_say():
    assert claimed_extra({"cookietrack_max_age": 60, "team": 5}) == {"team": 5}


@pytest.mark.parametrize("extra", [None, {}, {"transports": 1, "x_cb": 2, b"transport": 3}])
def test_the_rest_is_left_as_it_is(extra):
    assert claimed_extra(extra) is extra


@pytest.mark.parametrize(("authid", "realm"), [("joe", "realm1"), (None, "realm1"), ("☃", None)])
def test_who_it_says_that_it_is(authid, realm):
    assert claimed_identity(Hello(realm, CLIENT, authid=authid)) == (authid, realm)


@pytest.mark.parametrize(
    "said", [{"authid": "\ud800"}, {"authrole": "\udfff"}, {"authmethods": ["a", "\ud800"]}]
)
def test_what_no_answer_could_repeat_is_no_hello(said):
    with pytest.raises(ProtocolError, match="no Unicode"):
        claimed_identity(Hello("realm1", CLIENT, **said))
