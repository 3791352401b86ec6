"""What the configuration of a node alone shows to be wrong, with the name of its place."""

from pathlib import Path

import pytest

from cookietrack_plugin.config.check import check_node
from cookietrack_plugin.config.components import CLASSNAME
from cookietrack_plugin.errors import ConfigError, UnknownStoreType
from cookietrack_plugin.router.component import CookieAdministration

LMDB = {"type": "lmdb", "path": ".cookies"}
OTHER = {"type": "lmdb", "path": "other"}
FILE = {"type": "file", "filename": "cookies.dat"}
MEMORY = {"type": "memory"}
REDIS = {"type": "redis", "url": "redis://:secret@host/0"}


def transport(cookie):
    return {"type": "websocket", "cookie": cookie}


def worker(*stores, kind="router", components=()):
    transports = [transport({"store": store}) for store in stores]
    return {"type": kind, "transports": transports, "components": list(components)}


def node(*workers):
    return {"version": 2, "workers": list(workers)}


def component(**more):
    return {"type": "class", "classname": CLASSNAME, "realm": "realm1", **more}


def administered(store, **more):
    return component(extra={"store": store}, **more)


def message(config, error=ConfigError):
    with pytest.raises(error) as caught:
        check_node(config)
    assert type(caught.value) is error
    assert "secret" not in str(caught.value)
    return str(caught.value)


def test_the_name_of_the_class_is_the_one_that_a_configuration_has():
    assert f"{CookieAdministration.__module__}.{CookieAdministration.__qualname__}" == CLASSNAME


@pytest.mark.parametrize("content", [None, [], {}, {"workers": 7}, {"workers": [{"type": 1}]}])
def test_what_is_no_configuration_is_left_to_crossbar(content):
    assert check_node(content) == []


def test_a_right_node_has_no_warnings():
    components = [administered(LMDB), {"type": "class", "classname": "other", "extra": 7}]
    assert check_node(node(worker(LMDB, MEMORY, components=components), worker(LMDB))) == []


def test_a_wrong_cookie_item_is_named_by_its_transport():
    assert message({"workers": [{"type": "router", "transports": [transport({"length": 5})]}]}) == (
        'worker001/transport001: "length" in the cookie item: expected an integer from 6 to 64,'
        " found 5"
    )


def test_a_wrong_store_item_is_named_by_its_transport_too():
    found = message(node(worker(LMDB), worker({"type": "lmbd"})), UnknownStoreType)
    assert found.startswith("worker002/transport002: unknown store type 'lmbd'")


class TestWorkersThatShareAStore:
    def test_cannot_share_one_that_is_exclusive(self):
        assert message(node(worker(FILE), worker(FILE, kind="proxy"))) == (
            "file:cookies.dat: expected one worker to name it, as one process at a time can have a"
            " file store open, found worker001, worker002: use a type that workers share"
        )

    def test_are_warned_where_it_is_volatile(self):
        [warning] = check_node(node(worker(MEMORY), worker(MEMORY)))
        assert warning.startswith("memory: workers worker001, worker002 all name it, but each has")

    def test_share_any_other(self):
        assert check_node(node(worker(LMDB), worker(LMDB))) == []

    def test_are_no_two_transports_of_one(self):
        assert check_node(node(worker(FILE, FILE, MEMORY, MEMORY))) == []


class TestAComponent:
    @pytest.mark.parametrize("kind", ["router", "container"])
    def test_names_a_store_of_any_transport_of_its_node(self, kind):
        own = worker(kind=kind, components=[administered({"path": ".cookies", "type": "lmdb"})])
        assert check_node(node(own, worker(LMDB, kind="proxy"))) == []

    def test_needs_no_store_where_its_worker_has_one(self):
        assert check_node(node(worker(LMDB, LMDB, components=[component()]), worker(OTHER))) == []

    @pytest.mark.parametrize("kind", ["router", "container"])
    def test_with_a_store_that_no_transport_names_reads_which_there_are(self, kind):
        own = worker(kind=kind, components=[administered(OTHER, id="mine")])
        assert message(node(own, worker(LMDB, LMDB, REDIS))) == (
            'worker001/mine: "store" in the "extra" of CookieAdministration: expected'
            ' {"type": "lmdb", "path": ".cookies"} (worker002/transport001, worker002/transport002)'
            ' or {"type": "redis", "url": "redis://***@host/0"} (worker002/transport003),'
            ' found {"type": "lmdb", "path": "other"}, which no transport names'
        )

    def test_reads_that_there_are_none(self):
        assert "expected a store that a transport of the node names, of which there is none" in (
            message(node(worker(components=[administered(LMDB)])))
        )

    @pytest.mark.parametrize(
        ("stores", "found"),
        [
            ((), "expected {"),
            ((LMDB, OTHER), "found nothing, where the transports of worker001 name 2 stores"),
            ((), "found nothing, where the transports of worker001 name 0 stores"),
        ],
    )
    def test_without_a_store_is_wrong_where_its_worker_has_not_exactly_one(self, stores, found):
        own = worker(*stores, components=[component()])
        assert found in message(node(own, worker(REDIS)))

    @pytest.mark.parametrize("store", [FILE, MEMORY])
    def test_is_wrong_in_another_worker_than_the_one_that_has_the_store_to_itself(self, store):
        elsewhere = worker(LMDB, components=[administered(store)])
        assert "expected the component in worker worker002" in message(
            node(elsewhere, worker(store))
        )
        assert check_node(node(worker(LMDB), worker(store, components=[administered(store)]))) == []

    def test_administers_no_cookies_that_are_crossbars_own(self):
        database = {"type": "database", "path": ".database"}
        found = message(node(worker(database, components=[administered(database)])))
        assert found.endswith('expected a type whose cookies this plugin tracks, found "database"')

    @pytest.mark.parametrize(
        ("extra", "found"),
        [
            (
                None,
                '"extra" in CookieAdministration: expected a mapping with a "store", found null',
            ),
            ([], "found a list"),
            ({"stroe": LMDB}, 'expected one of "store", found an unknown attribute (did you mean'),
            ({"store": "lmdb"}, "found a string"),
            ({"store": None}, "found null"),
            ({"store": {}}, '"store.type" in the "extra" of CookieAdministration: expected'),
            ({"store": {**LMDB, "maxsize": "secret"}}, '"maxsize" in the store item: expected'),
            ({"store": {**REDIS, "prefix": 1}}, '"prefix" in the store item: expected a string'),
        ],
    )
    def test_with_a_wrong_extra_is_named(self, extra, found):
        config = node(worker(LMDB, components=[component(extra=extra)]))
        told = message(config)
        assert told.startswith("worker001/component001: ")
        assert found in told

    def test_with_an_unknown_type_is_named(self):
        config = node(worker(LMDB, components=[administered({"type": "lmbd"})]))
        told = message(config, UnknownStoreType)
        assert told.startswith("worker001/component001: unknown store type 'lmbd'")

    def test_may_be_started_again_with_what_crossbar_has_added(self):
        extra = {"store": LMDB, "cbdir": str(Path.cwd())}
        assert check_node(node(worker(LMDB, components=[component(extra=extra)]))) == []

    def test_has_the_number_that_crossbar_gives_it(self):
        others = [{"type": "class", "classname": "x"}, {"id": "named"}]
        config = node(
            worker(LMDB, components=others),
            worker(kind="guest", components=[{}]),
            worker(kind="container", components=[{}, administered(OTHER)]),
        )
        assert message(config).startswith("worker003/component003: ")
