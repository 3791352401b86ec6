"""The opening handshake: a new cookie is durable before it is handed out, and shown to nobody."""

import pytest
from autobahn.wamp.message import Challenge

from cookietrack_plugin.header import id_of
from cookietrack_plugin.record import Create
from tests.support.protocols import Client

pytest_plugins = ["tests.support.routers"]


@pytest.fixture
def tracking(make_router):
    """A router whose handshakes store a cookie, which is of use without a login."""
    return make_router(rotate=False)


class TestAHandshake:
    def test_that_a_login_may_follow_gets_a_cookie_and_stores_nothing(self, router, store):
        client = router.connect()
        value = client.set_cookie.partition("=")[2].partition("; ")[0]
        assert id_of(value) == client.protocol._cbtid
        assert store.committed == store.loaded == []

    def test_gets_a_cookie_whose_record_is_durable(self, tracking, reactor):
        router, store = tracking, tracking.store
        store.commits.shut()
        client = Client(router.factory).shake_hands()
        reactor.turn_until(store.commits.reached())
        reactor.turn()
        assert client.head == ""
        store.commits.open()
        reactor.turn_until(lambda: client.head)
        assert client.status == 101
        name, _, rest = client.set_cookie.partition("=")
        value, _, attributes = rest.partition("; ")
        assert (name, attributes) == ("cbtid", "Max-Age=86400")
        assert list(store.cookies) == [id_of(value)] == [client.protocol._cbtid]

    def test_gets_the_attributes_that_are_configured_once(self, make_router):
        client = make_router(secure=True, http_strict=True, same_site="Lax", max_age=5).connect()
        assert sorted(client.set_cookie.split("; ")[1:]) == [
            "HttpOnly",
            "Max-Age=5",
            "SameSite=Lax",
            "Secure",
        ]

    def test_gets_the_same_cookie_again_where_its_lifetime_rolls(self, make_router, reactor):
        router = make_router(rolling=True, max_age=100, absolute_max_age=150)
        first = router.enter()
        reactor.advance(99)
        again = router.connect(first.cookie)
        assert again.cookie == first.cookie
        assert again.set_cookie.endswith("; Max-Age=51")
        sent = again.protocol._transport_details.http_headers_sent
        assert again.protocol._cbtid in sent["Set-Cookie"]

    @pytest.mark.parametrize(
        ("trusted", "peer"),
        [(["192.168.1.0/24"], "tcp4:198.51.100.7:4711"), (["10.0.0.0/8"], None), ([], None)],
    )
    def test_has_the_peer_that_a_trusted_proxy_names_for_everybody(
        self, make_router, reactor, trusted, peer
    ):
        router = make_router(trusted_proxies=trusted, rotate=False)
        client = Client(router.factory)
        proxy = client.protocol.peer
        client.shake_hands('Forwarded: for=203.0.113.1, for="198.51.100.7:4711"')
        reactor.turn_until(lambda: client.head)
        [record] = router.store.cookies.values()
        assert client.protocol.peer == record.peer == (peer or proxy)
        assert client.protocol._transport_details.peer == record.peer

    def test_has_no_lifetime_in_the_browser_where_that_is_configured(self, make_router):
        router = make_router(name="__Host-sid", secure=True, path="/", persistent=False)
        client = router.connect()
        assert client.set_cookie.split("; ")[1:] == ["Secure", "Path=/"]

    def test_with_our_cookie_goes_on_with_it_and_gets_no_other(self, router):
        first = router.enter()
        again = router.connect(first.cookie)
        assert (again.status, again.set_cookie) == (101, None)
        assert again.protocol._cbtid == first.protocol._cbtid
        assert (again.protocol._authid, again.protocol._authprovider) == ("joe", "cookie")

    def test_with_the_public_id_for_a_cookie_gets_a_new_one_and_no_login(self, router):
        first = router.enter()
        thief = router.connect(f"Cookie: cbtid={first.protocol._cbtid}")
        assert thief.set_cookie is not None
        assert thief.protocol._authid is None

    def test_with_the_public_id_in_a_set_cookie_header_gets_no_login(self, router):
        first = router.enter()
        thief = router.connect(f"Set-Cookie: cbtid={first.protocol._cbtid}")
        assert "set-cookie" not in thief.protocol._transport_details.http_headers_received
        assert thief.protocol._authid is None

    def test_shows_the_value_to_nobody_but_the_client(self, router, store, log):
        first = router.enter()
        value = first.cookie.removeprefix("Cookie: cbtid=")
        again = router.connect(first.cookie)
        assert value in first.head
        for protocol in (first.protocol, again.protocol):
            assert value not in str(protocol._transport_details.marshal())
            assert value not in str(vars(protocol))
        assert not [text for _, text in log.lines if value in text]
        assert not [record for record in store.cookies.values() if value in str(record)]

    def test_shows_the_id_in_its_place(self, router):
        first = router.enter()
        again = router.connect(first.cookie)
        id = first.protocol._cbtid
        sent = first.protocol._transport_details.http_headers_sent
        received = again.protocol._transport_details.http_headers_received
        assert sent["Set-Cookie"].startswith(f"cbtid={id};")
        assert received["cookie"] == f"cbtid={id}"
        assert again.protocol._transport_details.http_cbtid == id

    def test_says_how_long_the_cookie_lives_from_now_on(self, tracking, reactor):
        router, store = tracking, tracking.store
        store.commits.shut()
        client = Client(router.factory).shake_hands()
        reactor.turn_until(store.commits.reached())
        reactor.advance(5)
        store.commits.open()
        reactor.turn_until(lambda: client.head)
        assert client.set_cookie.endswith("; Max-Age=86400")

    def test_only_tracks_where_logins_are_not_kept(self, router, monkeypatch):
        """Another listener on the same store may keep them."""
        first = router.enter()
        monkeypatch.setattr(router.cookies, "authenticates", False)
        again = router.connect(first.cookie)
        assert again.protocol._cbtid == first.protocol._cbtid
        assert again.protocol._authid is None
        assert again.protocol._authprovider is None

    def test_with_bytes_behind_it_while_it_waits_has_them_read_afterwards(self, tracking, reactor):
        router, store = tracking, tracking.store
        store.commits.shut()
        client = Client(router.factory).shake_hands()
        reactor.turn_until(store.commits.reached())
        client.hello()
        reactor.turn()
        assert client.said == []
        store.commits.open()
        router.until(client, Challenge)
        assert len([change for change in store.changes if isinstance(change, Create)]) == 1

    def test_is_counted_in_the_traffic_as_every_message_is(self, router):
        client = router.connect()
        traffic = client.protocol.trafficStats
        handshake = len(client.transport.value())
        # Autobahn counts every octet of a handshake, and those of messages from there on.
        assert traffic.preopenOutgoingOctetsWireLevel == handshake > 0
        client.protocol.sendMessage(b"{}")
        sent = len(client.transport.value()) - handshake
        assert traffic.outgoingOctetsWireLevel == sent > 0

    def test_with_no_end_of_bytes_behind_it_is_dropped(self, tracking, reactor):
        router, store = tracking, tracking.store
        store.commits.shut()
        client = Client(router.factory).shake_hands()
        reactor.turn_until(store.commits.reached())
        for _ in range(64):
            client.protocol.dataReceived(bytes(1024))
        assert not client.transport.aborted
        client.protocol.dataReceived(b"x")
        assert client.transport.aborted
        store.commits.open()
        reactor.turn_until(lambda: router.tracker.metrics.handshakes)
        assert client.session is None

    def test_that_comes_in_pieces_is_one(self, router, reactor, monkeypatch):
        first = router.enter()
        client = Client(router.factory)
        pieces = []
        with monkeypatch.context() as patched:
            patched.setattr(client.protocol, "dataReceived", pieces.append)
            client.shake_hands(first.cookie)
        for byte in pieces[0]:
            client.protocol.dataReceived(bytes([byte]))
        reactor.turn_until(lambda: client.head)
        assert client.protocol._cbtid == first.protocol._cbtid

    def test_in_a_subprotocol_that_nobody_speaks_stores_nothing(self, router, store):
        client = Client(router.factory).shake_hands(subprotocol="wamp.2.morse")
        assert client.status == 400
        assert store.committed == []

    def test_without_a_subprotocol_passes_where_that_is_allowed(self, make_router, reactor):
        config = {"options": {"require_websocket_subprotocol": False}}
        client = Client(make_router(config=config).factory)
        client.send_head()
        reactor.turn_until(lambda: client.head)
        assert client.status == 101

    def test_notes_no_more_of_a_user_agent_than_it_needs(self, tracking):
        router, store = tracking, tracking.store
        router.connect(f"User-Agent: {'x' * 600}")
        [record] = store.cookies.values()
        assert record.user_agent == "x" * 512


class TestWithAnonymousAuthenticationAlone:
    def test_the_cookies_id_is_the_authid(self, make_router):
        router = make_router(methods=("anonymous",))
        client = router.connect()
        router.log_in(client)
        assert router.realm.authids == [client.protocol._cbtid]
        assert "authid" not in router.factory._config["auth"]["anonymous"]

    def test_an_authid_that_is_configured_stays(self, make_router):
        config = {"auth": {"anonymous": {"type": "static", "authid": "everybody"}}}
        router = make_router(methods=("anonymous",), config=config)
        router.enter()
        assert router.realm.authids == ["everybody"]

    def test_a_client_without_a_cookie_gets_an_authid_of_the_routers(self, make_router):
        router = make_router(methods=("anonymous",), on_failure="anonymous")
        router.store.fail_commits()
        client = router.connect()
        assert "authid" not in client.session._transport_config["auth"]["anonymous"]

    def test_others_keep_the_configuration_as_it_is(self, router):
        assert router.connect().session._transport_config is router.factory._config
