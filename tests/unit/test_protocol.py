"""A connection: nothing leaves before it is true, and nobody is let in by what is gone."""

import pytest
from autobahn.wamp.exception import SerializationError
from autobahn.wamp.message import Abort, Event, Goodbye, Welcome

from cookietrack_plugin.header import id_of
from cookietrack_plugin.record import Create
from cookietrack_plugin.router.factory import CookieWebSocketFactory
from cookietrack_plugin.router.protocol import CheckedProtocol, TrackedProtocol
from cookietrack_plugin.router.untracked import UntrackedProtocol
from tests.support.protocols import ROUTER, Client, FakeSession

pytest_plugins = ["tests.support.routers"]

LOGOUT = "wamp.close.logout"
LOST = 1011


@pytest.fixture
def store(router):
    return router.store.tracker.store


def event() -> Event:
    return Event(1, 2, args=["hello"])


class TestAHandshake:
    def test_gets_a_cookie_whose_record_is_durable(self, router, store, reactor):
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
        first = router.connect()
        router.log_in(first)
        reactor.advance(99)
        again = router.connect(first.cookie)
        assert again.cookie == first.cookie
        assert again.set_cookie.endswith("; Max-Age=51")
        assert (
            again.protocol._cbtid
            in again.protocol._transport_details.http_headers_sent["Set-Cookie"]
        )

    def test_with_our_cookie_goes_on_with_it_and_gets_no_other(self, router):
        first = router.connect()
        router.log_in(first)
        again = router.connect(first.cookie)
        assert (again.status, again.set_cookie) == (101, None)
        assert again.protocol._cbtid == first.protocol._cbtid
        assert (again.protocol._authid, again.protocol._authprovider) == ("joe", "cookie")

    def test_with_the_public_id_for_a_cookie_gets_a_new_one_and_no_login(self, router):
        first = router.connect()
        router.log_in(first)
        thief = router.connect(f"Cookie: cbtid={first.protocol._cbtid}")
        assert thief.set_cookie is not None
        assert thief.protocol._authid is None

    def test_with_the_public_id_in_a_set_cookie_header_gets_no_login(self, router):
        first = router.connect()
        router.log_in(first)
        thief = router.connect(f"Set-Cookie: cbtid={first.protocol._cbtid}")
        assert "set-cookie" not in thief.protocol._transport_details.http_headers_received
        assert thief.protocol._authid is None

    def test_shows_the_value_to_nobody_but_the_client(self, router, log):
        first = router.connect()
        router.log_in(first)
        value = first.cookie.removeprefix("Cookie: cbtid=")
        again = router.connect(first.cookie)
        assert value in first.head
        for protocol in (first.protocol, again.protocol):
            assert value not in str(protocol._transport_details.marshal())
            assert value not in str(vars(protocol))
        assert not [text for _, text in log.lines if value in text]
        assert not [record for record in store_of(router).values() if value in str(record)]

    def test_shows_the_id_in_its_place(self, router):
        first = router.connect()
        router.log_in(first)
        again = router.connect(first.cookie)
        id = first.protocol._cbtid
        sent = first.protocol._transport_details.http_headers_sent
        received = again.protocol._transport_details.http_headers_received
        assert sent["Set-Cookie"].startswith(f"cbtid={id};")
        assert received["cookie"] == f"cbtid={id}"
        assert again.protocol._transport_details.http_cbtid == id

    def test_with_bytes_behind_it_while_it_waits_has_them_read_afterwards(
        self, router, store, reactor
    ):
        store.commits.shut()
        client = Client(router.factory).shake_hands()
        reactor.turn_until(store.commits.reached())
        client.hello()
        reactor.turn()
        store.commits.open()
        reactor.turn_until(lambda: client.head)
        assert [type(message).__name__ for message in client.session.received] == ["Hello"]
        assert len([change for change in store.changes if isinstance(change, Create)]) == 1

    def test_is_counted_in_the_traffic_as_every_message_is(self, router, reactor):
        client = router.connect()
        traffic = client.protocol.trafficStats
        handshake = len(client.transport.value())
        # Autobahn counts every octet of a handshake, and those of messages from there on.
        assert traffic.preopenOutgoingOctetsWireLevel == handshake > 0
        client.protocol.sendMessage(b"{}")
        sent = len(client.transport.value()) - handshake
        assert traffic.outgoingOctetsWireLevel == sent > 0

    def test_with_no_end_of_bytes_behind_it_is_dropped(self, router, store, reactor):
        store.commits.shut()
        client = Client(router.factory).shake_hands()
        reactor.turn_until(store.commits.reached())
        for _ in range(64):
            client.protocol.dataReceived(bytes(1024))
        assert not client.transport.disconnecting
        client.protocol.dataReceived(b"x")
        assert client.transport.disconnecting
        store.commits.open()
        reactor.turn_until(lambda: router.store.tracker.measures.handshakes)
        assert client.session is None

    def test_that_comes_in_pieces_is_one(self, router, reactor):
        first = router.connect()
        router.log_in(first)
        client = Client(router.factory)
        pieces = []
        real = client.protocol.dataReceived
        client.protocol.dataReceived = pieces.append
        client.shake_hands(first.cookie)
        for byte in pieces[0]:
            real(bytes([byte]))
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


def store_of(router):
    return router.store.tracker.store.cookies


class TestAHandshakeThatFails:
    def test_for_want_of_a_store_is_answered_503_and_when_to_come_again(self, router, store, log):
        store.fail_commits()
        client = router.connect()
        assert client.status == 503
        assert "Retry-After: 5" in client.head
        assert client.set_cookie is None
        assert log.at("error") == ["the cookie store does not answer: the disk is away"]

    def test_because_its_cookie_cannot_be_looked_up_is_answered_503(self, router, store):
        first = router.connect()
        store.fail_loads(OSError)
        assert router.connect(first.cookie).status == 503

    def test_lets_its_connection_be_forgotten(self, router, store, reactor, monkeypatch):
        tracker = router.store.tracker
        first = router.connect()
        id = first.protocol._cbtid
        router.log_in(first)
        tracker.drop(id, first.protocol)
        # Crossbar's own code trips over that, when the tracker has let the client in.
        monkeypatch.delattr(router.factory, "debug_traffic")
        again = router.connect(first.cookie)
        assert again.status == 500
        again.leave_without_a_word()
        assert len(tracker.connections) == 0

    def test_lets_the_client_in_untracked_where_that_is_configured(self, make_router, reactor):
        router = make_router(on_failure="anonymous")
        first = router.connect()
        router.log_in(first)
        router.store.tracker.store.fail_loads()
        client = router.connect(first.cookie)
        assert (client.status, client.set_cookie) == (101, None)
        assert client.protocol._authid is None
        assert client.protocol._cbtid is None
        client.protocol.send(Goodbye())
        assert client.said == [Goodbye]

    @pytest.mark.parametrize("how", ["the peer leaves", "its time is up"])
    @pytest.mark.parametrize("on_failure", ["deny", "anonymous"])
    def test_because_nobody_waits_any_more_opens_no_session(
        self, make_router, reactor, how, on_failure
    ):
        router = make_router(on_failure=on_failure)
        store = router.store.tracker.store
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
        reactor.turn_until(lambda: router.store.tracker.measures.handshakes)
        reactor.turn()
        assert client.session is None
        assert client.protocol.state == client.protocol.STATE_CLOSED
        assert "101" not in client.head
        assert len(router.store.tracker.connections) == 0


class TestWelcome:
    def test_waits_for_the_login_and_what_comes_behind_it_waits_in_order(
        self, router, store, reactor
    ):
        client = router.connect()
        store.commits.shut()
        router.welcome(client)
        client.protocol.send(event())
        reactor.turn()
        assert client.said == []
        assert store.cookies[client.protocol._cbtid].auth is None
        store.commits.open()
        reactor.turn_until(lambda: client.said)
        assert client.said == [Welcome, Event]
        assert store.cookies[client.protocol._cbtid].auth.authid == "joe"
        client.protocol.send(event())
        assert client.said == [Welcome, Event, Event]

    def test_never_leaves_when_the_login_is_not_stored(self, router, store, reactor, log):
        client = router.connect()
        store.fail_commits()
        router.welcome(client)
        client.protocol.send(event())
        reactor.turn_until(lambda: client.said)
        client.protocol.send(event())
        reactor.turn()
        assert client.said == [LOST]
        assert log.at("error")[-1] == (
            "connection failed, cookie store not available: the disk is away"
        )

    def test_never_leaves_when_the_login_failed_before_it_was_sent(self, router, store, reactor):
        """Through a proxy the login comes first, and WELCOME much later."""
        client = router.connect()
        store.fail_commits()
        router.store.setAuth(client.protocol._cbtid, "joe", "user", "ticket", {}, "realm1")
        reactor.turn_until(lambda: store.commits.arrived == 2)
        reactor.turn()
        reactor.turn()
        store.recover()
        client.protocol.send(Welcome(1, ROUTER, authid="joe", authrole="user"))
        reactor.turn_until(lambda: client.said)
        assert client.said == [LOST]

    def test_without_a_login_to_store_leaves_at_the_next_turn(self, router, reactor):
        first = router.connect()
        router.log_in(first)
        again = router.connect(first.cookie)
        router.welcome(again)
        assert again.said == []
        reactor.turn()
        assert again.said == [Welcome]

    def test_leaves_at_once_where_no_login_is_kept(self, make_router):
        client = (router := make_router(methods=("ticket",))).connect()
        router.welcome(client)
        assert client.said == [Welcome]
        assert store_of(router)[client.protocol._cbtid].auth is None

    def test_that_cannot_be_serialized_fails_whoever_sends_it(self, router, reactor):
        client = router.connect()
        with pytest.raises(SerializationError):
            client.protocol.send(Welcome(1, ROUTER, authextra={"x": object()}))

    def test_is_not_sent_to_one_who_has_left(self, router, store, reactor):
        client = router.connect()
        store.commits.shut()
        router.welcome(client)
        reactor.turn()
        client.leave_without_a_word()
        store.commits.open()
        reactor.turn_until(lambda: store.cookies[client.protocol._cbtid].auth)
        reactor.turn()
        assert client.said == []


class TestGoodbye:
    def test_of_a_logout_waits_for_the_deletion(self, router, store, reactor):
        client = router.connect()
        router.log_in(client)
        store.commits.shut()
        client.log_out()
        reactor.turn_until(store.commits.reached(3))
        reactor.turn()
        assert client.said == [Welcome]
        store.commits.open()
        reactor.turn_until(lambda: Goodbye in client.said)
        assert store.cookies == {}
        assert client.frames[1].reason == "wamp.close.normal"

    def test_of_a_logout_never_leaves_when_the_deletion_is_not_stored(self, router, store, reactor):
        client = router.connect()
        router.log_in(client)
        sibling = router.connect(client.cookie)
        router.log_in(sibling)
        store.fail_commits()
        client.log_out()
        reactor.turn_until(lambda: LOST in client.said and LOST in sibling.said)
        assert client.said == sibling.said == [Welcome, LOST]

    def test_of_a_logout_is_followed_by_the_end_of_its_siblings(self, router, reactor):
        client = router.connect()
        router.log_in(client)
        sibling, idle = router.connect(client.cookie), router.connect(client.cookie)
        stranger = router.connect()
        router.log_in(sibling)
        router.log_in(stranger)
        client.log_out()
        reactor.turn_until(lambda: "close" in sibling.said and "close" in idle.said)
        assert client.said == [Welcome, Goodbye]
        assert sibling.said == [Welcome, Goodbye, "close"]
        assert sibling.frames[1].reason == LOGOUT
        assert idle.said == ["close"]
        assert stranger.said == [Welcome]

    def test_of_a_logout_ends_a_sibling_that_had_left_and_joined_again(self, router, reactor):
        """WAMP lets it do so on the same connection: it must not outlive its cookie by that."""
        client = router.connect()
        router.log_in(client)
        sibling = router.connect(client.cookie)
        router.log_in(sibling)
        sibling.leave()
        reactor.turn_until(lambda: Goodbye in sibling.said)
        router.welcome(sibling)
        reactor.turn_until(lambda: sibling.said.count(Welcome) == 2)
        client.log_out()
        reactor.turn_until(lambda: "close" in sibling.said)
        assert sibling.said == [Welcome, Goodbye, Welcome, Goodbye, "close"]

    def test_that_a_sibling_was_told_and_did_not_answer_does_not_save_it(self, router, reactor):
        client = router.connect()
        router.log_in(client)
        sibling = router.connect(client.cookie)
        router.log_in(sibling)
        sibling.protocol.send(Goodbye("wamp.close.killed"))
        reactor.turn_until(lambda: Goodbye in sibling.said)
        client.log_out()
        reactor.turn_until(lambda: "close" in sibling.said)
        assert sibling.said == [Welcome, Goodbye, "close"]

    def test_that_the_client_has_asked_for_leaves_the_connection_to_it(self, router, reactor):
        client = router.connect()
        router.log_in(client)
        client.log_out()
        reactor.turn_until(lambda: Goodbye in client.said)
        reactor.advance(1)
        assert client.said == [Welcome, Goodbye]
        assert client.protocol.is_usable()

    def test_is_said_twice_through_a_proxy_which_does_not_close_the_connection(
        self, router, store, reactor
    ):
        """Once in answer to the client, and once more when the backend's session has ended."""
        client = router.connect()
        router.log_in(client)
        store.commits.shut()
        client.log_out()
        client.protocol.send(Goodbye())
        store.commits.open()
        reactor.turn_until(lambda: Goodbye in client.said)
        reactor.advance(1)
        assert client.said == [Welcome, Goodbye, Goodbye]

    def test_with_the_logout_reason_ends_the_cookie(self, router, store, reactor):
        """`wamp.session.kill`: no call of the store follows it (Crossbar issue 2051)."""
        client = router.connect()
        router.log_in(client)
        sibling = router.connect(client.cookie)
        store.commits.shut()
        client.protocol.send(Goodbye(LOGOUT))
        reactor.turn()
        assert client.said == [Welcome]
        store.commits.open()
        reactor.turn_until(lambda: Goodbye in client.said and "close" in sibling.said)
        assert store.cookies == {}

    def test_with_another_reason_leaves_the_cookie(self, router, store, reactor):
        client = router.connect()
        router.log_in(client)
        client.protocol.send(Goodbye("wamp.close.killed"))
        reactor.turn_until(lambda: Goodbye in client.said)
        assert len(store.cookies) == 1

    def test_behind_a_welcome_that_waits_waits_for_the_deletion_too(self, router, store, reactor):
        """Killed while it logs in."""
        client = router.connect()
        store.commits.shut()
        router.welcome(client)
        reactor.turn()
        reactor.turn_until(store.commits.reached(2))
        client.protocol.send(Goodbye(LOGOUT))
        reactor.turn()
        store.commits.shut()
        store.commits.open()
        reactor.turn_until(lambda: client.said)
        assert client.said[:2] == [Welcome, Goodbye]
        assert store.cookies == {}

    def test_without_a_cookie_waits_for_nothing(self, make_router, reactor):
        router = make_router(on_failure="anonymous")
        router.store.tracker.store.fail_commits()
        client = router.connect()
        client.protocol.send(Goodbye(LOGOUT))
        assert client.said == [Goodbye]


class TestAnAbort:
    def test_waits_until_what_was_written_is_durable(self, router, store, reactor):
        client = router.connect()
        store.commits.shut()
        router.store.setAuth(client.protocol._cbtid, "joe", "user", "ticket", {}, "realm1")
        client.protocol.send(Abort("wamp.error.not_authorized"))
        reactor.turn()
        assert client.said == []
        store.commits.open()
        reactor.turn_until(lambda: client.said)
        assert client.said == [Abort]


class TestACloseFrame:
    def test_waits_behind_what_is_held(self, router, store, reactor):
        client = router.connect()
        store.commits.shut()
        router.welcome(client)
        client.protocol.sendClose()
        reactor.turn()
        assert client.said == []
        store.commits.open()
        reactor.turn_until(lambda: client.said)
        assert client.said == [Welcome, "close"]

    def test_is_the_last_that_leaves(self, router, store, reactor):
        client = router.connect()
        store.commits.shut()
        router.welcome(client)
        client.protocol.sendClose()
        client.protocol.send(event())
        store.commits.open()
        reactor.turn_until(lambda: client.said)
        assert client.said == [Welcome, "close"]


class TestAHelloLongAfterTheHandshake:
    @pytest.fixture(params=[False, True], ids=["quick reads", "slow reads"])
    def router(self, request, make_router):
        return make_router(reads_block=request.param)

    @pytest.fixture
    def late(self, router):
        """A client that its cookie has let in, and that has not said HELLO yet."""
        first = router.connect()
        router.log_in(first)
        self.first = first
        return router.connect(first.cookie)

    def test_is_let_in_by_the_cookie_that_it_came_with(self, late):
        late.hello()
        assert late.protocol._authid == "joe"
        assert len(late.session.received) == 1

    def test_is_not_let_in_by_one_that_was_ended(self, router, late, reactor):
        router.store.delAuth(late.protocol._cbtid)
        late.hello()
        for name in ("id", "role", "realm", "method", "extra", "provider"):
            assert getattr(late.protocol, f"_auth{name}") is None

    def test_is_not_let_in_by_one_whose_login_was_forgotten(self, router, late, reactor):
        router.store.setAuth(late.protocol._cbtid, None, None, None, None, None)
        late.hello()
        assert late.protocol._authid is None

    def test_is_not_let_in_by_one_that_has_expired(self, late, reactor):
        reactor.advance(86_400)
        late.hello()
        assert late.protocol._authid is None

    def test_is_not_let_in_as_one_who_is_no_longer_the_one_who_is_logged_in(
        self, make_router, reactor
    ):
        router = make_router(rotate=False)
        first = router.connect()
        router.log_in(first, "joe")
        late = router.connect(first.cookie)
        router.store.setAuth(late.protocol._cbtid, "ann", "user", "ticket", {}, "realm1")
        late.hello()
        assert late.protocol._authid is None

    def test_of_a_client_that_came_without_a_login_is_left_alone(self, router):
        client = router.connect()
        client.protocol._authid = "from a TLS certificate"
        client.hello()
        assert client.protocol._authid == "from a TLS certificate"

    def test_within_a_session_is_left_alone(self, late, router):
        router.welcome(late)
        router.store.delAuth(late.protocol._cbtid)
        late.protocol._authprovider, late.protocol._authid = "cookie", "joe"
        late.hello()
        assert late.protocol._authid == "joe"


class TestALostConnection:
    def test_is_forgotten(self, router):
        client = router.connect()
        assert len(router.store.tracker.connections) == 1
        client.leave_without_a_word()
        assert len(router.store.tracker.connections) == 0

    def test_is_not_ended_once_more(self, router, reactor):
        client = router.connect()
        router.log_in(client)
        written = len(client.frames)
        client.leave_without_a_word()
        client.protocol.end_session(LOGOUT)
        reactor.turn()
        assert len(client.frames) == written

    def test_before_its_handshake_is_nothing(self, router):
        Client(router.factory).leave_without_a_word()
        assert len(router.store.tracker.connections) == 0


class TestAConnection:
    def test_is_logging_in_until_its_client_has_its_welcome(self, router, store, reactor):
        client = router.connect()
        assert client.protocol.is_logging_in()
        store.commits.shut()
        router.welcome(client)
        assert client.protocol.is_logging_in()
        store.commits.open()
        reactor.turn_until(lambda: client.said)
        assert not client.protocol.is_logging_in()

    def test_was_heard_when_its_client_last_said_something(self, router, reactor):
        client = router.connect()
        assert client.protocol.last_heard == 0
        client.hello()
        assert client.protocol.last_heard == router.store.tracker.clock.now()

    def test_that_is_ended_for_another_reason_tells_it(self, router, reactor):
        client = router.connect()
        router.log_in(client)
        client.protocol.end_session("cookietrack.close.expired")
        reactor.turn_until(lambda: "close" in client.said)
        assert client.frames[1].reason == "cookietrack.close.expired"


class TestWithAnonymousAuthenticationAlone:
    CONFIG = {"auth": {"anonymous": {"type": "static", "role": "guest"}}}

    def test_the_cookies_id_is_the_authid(self, make_router):
        client = make_router(methods=("anonymous",), config=self.CONFIG).connect()
        named = client.session._transport_config["auth"]["anonymous"]
        assert named == {"type": "static", "role": "guest", "authid": client.protocol._cbtid}
        assert self.CONFIG["auth"]["anonymous"] == {"type": "static", "role": "guest"}

    def test_an_authid_that_is_configured_stays(self, make_router):
        config = {"auth": {"anonymous": {"type": "static", "authid": "everybody"}}}
        client = make_router(methods=("anonymous",), config=config).connect()
        assert client.session._transport_config["auth"]["anonymous"]["authid"] == "everybody"

    def test_a_client_without_a_cookie_gets_an_authid_of_the_routers(self, make_router):
        router = make_router(methods=("anonymous",), config=self.CONFIG, on_failure="anonymous")
        router.store.tracker.store.fail_commits()
        client = router.connect()
        assert "authid" not in client.session._transport_config["auth"]["anonymous"]

    def test_others_keep_the_configuration_as_it_is(self, router):
        assert router.connect().session._transport_config is router.factory._config


class Passed:
    """A store that is passed through, as Crossbar's own: it has issued one value."""

    _cookie_id_field = "cbtid"

    def __init__(self, error=None):
        self.error = error
        self.parsed = []

    def parse(self, headers):
        self.parsed.append(headers["cookie"])
        return headers["cookie"].removeprefix("cbtid=")

    def exists(self, cbtid):
        return cbtid == "issued"

    def create(self):
        if self.error:
            raise self.error
        return "id", "cbtid=id;max-age=5"

    def addProto(self, cbtid, proto):
        return 1

    def dropProto(self, cbtid, proto):
        return 0

    def getAuth(self, cbtid):
        return (None,) * 5


class TestAStoreThatIsPassedThrough:
    def connect(self, store, *fields):
        config = {"auth": {"cookie": {}}, "cookie": {}}
        factory = CookieWebSocketFactory(FakeSession, "/node", config, None, store)
        assert factory.protocol.__mro__[1] is UntrackedProtocol
        assert issubclass(UntrackedProtocol, CheckedProtocol)
        return Client(factory).shake_hands(*fields)

    def test_works_as_without_us(self):
        client = self.connect(Passed())
        assert (client.status, client.set_cookie) == (101, "cbtid=id;max-age=5")

    def test_denies_where_crossbar_would_accept_although_its_store_raises(self):
        client = self.connect(Passed(OSError("no disk")))
        assert client.status == 503

    def test_finds_its_own_cookie_by_its_value_among_others(self):
        store = Passed()
        client = self.connect(store, 'Cookie: q="; cbtid=another; a=1; cbtid=issued')
        assert (client.status, client.set_cookie) == (101, None)
        assert client.protocol._cbtid == "issued"
        assert store.parsed == ["cbtid=another", "cbtid=issued"]

    def test_shows_the_router_no_value_that_it_did_not_issue(self, log):
        client = self.connect(Passed(), "Cookie: cbtid=another")
        assert (client.status, client.set_cookie) == (101, "cbtid=id;max-age=5")
        shown = log.text()
        assert "another" not in shown + repr(client.protocol._transport_details.marshal())
        assert id_of("another") in shown


def test_the_protocol_is_ours_where_the_store_is(router):
    assert router.factory.protocol.__mro__[1] is TrackedProtocol
    assert isinstance(Client(router.factory).protocol, TrackedProtocol)
