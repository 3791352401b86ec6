"""Listeners over a store that is passed through, which looks after its cookies itself."""

from cookietrack_plugin.header import id_of
from cookietrack_plugin.router.factory import CookieWebSocketFactory
from cookietrack_plugin.router.handshake import CheckedProtocol
from cookietrack_plugin.router.untracked import UntrackedProtocol
from tests.support.awaited import FakeAwaited
from tests.support.protocols import Client, FakeSession
from tests.support.realm import SessionFactory


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
        factory = CookieWebSocketFactory(
            SessionFactory(FakeSession), "/node", config, None, FakeAwaited(store)
        )
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
