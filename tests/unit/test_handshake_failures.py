"""Opening handshakes that fail: closed, for want of a store, a peer or an answer."""

import pytest

from cookietrack_plugin.access.breaker import MAX_FAILURES
from tests.support.protocols import Client

pytest_plugins = ["tests.support.routers"]


class TestAHandshakeThatFails:
    def test_for_want_of_a_store_is_answered_503_and_when_to_come_again(self, make_router, log):
        router = make_router(rotate=False)
        router.store.fail_commits()
        client = router.connect()
        assert client.status == 503
        assert "Retry-After: 5" in client.head
        assert client.set_cookie is None
        assert log.at("error") == ["the cookie store does not answer: the disk is away"]

    def test_while_the_store_is_known_to_be_away_is_answered_503(self, make_router):
        """Though it would have asked the store for nothing."""
        router = make_router(reads_block=True)
        router.store.fail_loads()
        for _ in range(MAX_FAILURES):
            assert router.connect("Cookie: cbtid=known").status == 503
        assert router.connect().status == 503
        assert router.store.committed == []

    def test_because_its_cookie_cannot_be_looked_up_is_answered_503(self, router, store):
        first = router.connect()
        store.fail_loads(OSError)
        assert router.connect(first.cookie).status == 503

    def test_lets_its_connection_be_forgotten(self, router, monkeypatch):
        # Crossbar's own code trips over that, when the tracker has let the client in.
        monkeypatch.delattr(router.factory, "debug_traffic")
        client = router.connect()
        assert client.status == 500
        assert router.tracker.connected == 1
        client.leave_without_a_word()
        assert router.tracker.connected == 0

    def test_because_crossbar_does_not_answer_is_answered_503(self, router, monkeypatch):
        """It catches and logs what is raised there, and Autobahn would accept the client then."""
        monkeypatch.setattr(router.factory, "_config", None)
        monkeypatch.setattr(type(router.cookies), "__bool__", lambda self: True)
        client = router.connect()
        assert client.status == 503

    def test_lets_the_client_in_untracked_where_that_is_configured(self, make_router):
        router = make_router(on_failure="anonymous")
        first = router.enter()
        router.store.fail_loads()
        client = router.connect(first.cookie)
        assert (client.status, client.set_cookie) == (101, None)
        assert client.protocol._authid is None
        assert client.protocol._cbtid is None

    @pytest.mark.parametrize("how", ["the peer leaves", "its time is up"])
    @pytest.mark.parametrize("on_failure", ["deny", "anonymous"])
    def test_because_nobody_waits_any_more_opens_no_session(
        self, make_router, reactor, how, on_failure
    ):
        router = make_router(on_failure=on_failure, rotate=False)
        store = router.store
        store.commits.shut()
        client = Client(router.factory).shake_hands()
        reactor.turn_until(store.commits.reached())
        if how == "the peer leaves":
            client.leave_without_a_word()
        else:
            client.protocol.onOpenHandshakeTimeout()
        if on_failure == "anonymous":
            store.fail_commits()
        store.commits.open()
        reactor.turn_until(lambda: router.tracker.metrics.handshakes)
        reactor.turn()
        assert client.session is None
        assert client.protocol.state == client.protocol.STATE_CLOSED
        assert "101" not in client.head
        assert router.tracker.connected == 0

    def test_before_it_has_begun_leaves_nothing_to_forget(self, router):
        Client(router.factory).leave_without_a_word()
        assert router.tracker.connected == 0
