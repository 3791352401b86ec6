"""What the configuration of a node alone shows to be wrong, with the name of its place."""

from pathlib import Path

import pytest
from autobahn.util import wildcards2patterns

from cookietrack_plugin.config.advice import _FOREIGN_ORIGINS, _of_origins
from cookietrack_plugin.config.check import check_node
from cookietrack_plugin.config.components import CLASSNAME
from cookietrack_plugin.config.settings import CookieSettings
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


HARDENED = {"secure": True, "http_strict": True, "same_site": "Strict"}
LOGIN = {"cookie": {}, "ticket": {}}
OURS = {"allowed_origins": ["https://example.com"], "allow_null_origin": False}
ANY_PAGE = (
    "pages of any origin can connect with their user's cookie: name yours in the option"
    ' "allowed_origins"'
)
ANY_FRAME = (
    "any page can connect with its user's cookie from a sandboxed frame, whose origin is null: set"
    ' the option "allow_null_origin" to false, or "same_site"'
)
PLANTED = (
    'with "rotate": false users can log in with a cookie that an attacker planted (session'
    ' fixation): leave "rotate" out'
)
NO_COOKIE = (
    'nobody is let in by a cookie: "auth" has "cookie", and there is no "cookie" item beside it'
)


def kept_without(*names):
    missing = ", ".join(f'"{name}"' for name in names)
    remedies = {
        "secure": '"secure": true keeps it from readers on the network',
        "http_strict": '"http_strict": true keeps it from scripts of the page',
        "same_site": '"same_site": "Strict" keeps it from pages of other sites',
    }
    remedy = ", ".join(remedies[name] for name in names)
    return f"logins are kept with a cookie that has no {missing}: {remedy}"


def router(*transports, kind="router"):
    return {"workers": [{"type": kind, "transports": list(transports)}]}


class TestWarnings:
    """Each is a whole sentence, which begins with the name of its transport."""

    def of(self, cookie, **listener):
        found = check_node(router({"type": "websocket", "cookie": cookie, **listener}))
        assert all(each.startswith("worker001/transport001: ") for each in found)
        return [each.removeprefix("worker001/transport001: ") for each in found]

    @pytest.mark.parametrize(
        ("cookie", "warning"),
        [
            (
                {"same_site": "None"},
                'browsers drop a cookie with "same_site": "None" without "secure": true',
            ),
            (
                {"domain": "example.com"},
                "browsers send the cookie to every host under example.com, and each of these can"
                " replace it: without"
                ' "domain" it is this host\'s alone',
            ),
            (
                {"store": {"type": "lmdb", "path": "~/cookies"}},
                '"~" in the path of the store is a directory of that name: write the home directory'
                " out",
            ),
            (
                {"max_age": 400 * 86400 + 1},
                'browsers keep no cookie for longer than 400 days: "max_age" is 34560001 s',
            ),
        ],
    )
    def test_of_what_browsers_do_otherwise(self, cookie, warning):
        assert self.of(cookie) == [warning]

    @pytest.mark.parametrize(
        "cookie",
        [
            {"same_site": "None", "secure": True},
            {"max_age": 400 * 86400},
            {"max_age": 401 * 86400, "persistent": False},
        ],
    )
    def test_are_not_made_of_what_browsers_take(self, cookie):
        assert self.of(cookie) == []

    def test_of_a_serialization_that_anybody_can_do_harm_with(self):
        assert self.of({}, serializers=["json", "ubjson"]) == [
            "anybody can take all memory of the worker with a message of nine bytes in UBJSON:"
            ' leave "ubjson" out of "serializers"'
        ]
        assert self.of({}, serializers=["json", "cbor"]) == []

    @pytest.mark.parametrize(
        ("cookie", "options", "warning"),
        [
            ({**HARDENED, "secure": False}, OURS, kept_without("secure")),
            ({**HARDENED, "http_strict": False}, OURS, kept_without("http_strict")),
            ({}, OURS, kept_without("secure", "http_strict", "same_site")),
            (
                {**HARDENED, "length": 21},
                OURS,
                '21 characters can be guessed: expected "length" of 22 or more',
            ),
            (HARDENED, {}, ANY_PAGE),
            (HARDENED, {"allowed_origins": ["*"]}, ANY_PAGE),
            (HARDENED, {"allowed_origins": ["https://example.com", "https://*:443"]}, ANY_PAGE),
            (
                {**HARDENED, "same_site": "None"},
                {"allowed_origins": ["https://*.example.com:*"]},
                ANY_FRAME,
            ),
        ],
    )
    def test_of_logins_that_are_less_safe_than_they_could_be(self, cookie, options, warning):
        assert self.of(cookie, auth=LOGIN, options=options) == [warning]

    @pytest.mark.parametrize(
        "pattern",
        ["https*", "http*", "*443", "*:443", "*:80", "h*", "*:*", "*.*", "*://*:8443", "*.com:*"],
    )
    def test_of_a_pattern_that_lets_any_page_in_however_it_is_written(self, pattern):
        """As Autobahn compares: with scheme, host and port in one text."""
        (compared,) = wildcards2patterns([pattern])
        assert any(map(compared.match, _FOREIGN_ORIGINS))
        options = {**OURS, "allowed_origins": ["https://example.com:443", pattern]}
        assert self.of(HARDENED, auth=LOGIN, options=options) == [ANY_PAGE]

    @pytest.mark.parametrize(
        ("pattern", "stranger"),
        [
            ("https://example.*", "https://example.evil.test:443"),
            ("https://example.*:*", "https://example.evil.test:443"),
            ("https://*example.com:443", "https://evilexample.com:443"),
            ("*example.com:443", "https://evilexample.com:443"),
            ("https://example.com*", "https://example.com.evil.test:443"),
            ("https://www.*.com:443", "https://www.evil.com:443"),
            ("https://*.example.*", "https://evil.example.test:443"),
            ("http://192.168.1.*", "http://192.168.1.evil.test:80"),
            ("http://localhost*", "http://localhost.evil.test:80"),
        ],
    )
    def test_of_a_pattern_that_lets_in_a_host_which_a_stranger_can_get(self, pattern, stranger):
        (compared,) = wildcards2patterns([pattern])
        assert compared.match(stranger)
        options = {**OURS, "allowed_origins": ["https://example.com:443", pattern]}
        [found] = self.of(HARDENED, auth=LOGIN, options=options)
        assert found == (
            "pages of hosts that anybody can register can connect with their user's cookie:"
            f' "{pattern}" in "allowed_origins" allows them'
        )

    @pytest.mark.parametrize(
        "pattern",
        [
            "https://*.example.com:443",
            "https://example.com:*",
            "*.example.com:*",
            "https://*.api.example.com",
            "http://localhost:*",
            "http://*.localhost:8080",
            "http://127.0.0.1:*",
            "[",
            7,
            None,
        ],
    )
    def test_are_not_made_of_patterns_for_hosts_of_ones_own(self, pattern):
        options = {**OURS, "allowed_origins": [pattern]}
        assert list(_of_origins(options, CookieSettings.of(HARDENED))) == []

    @pytest.mark.parametrize(
        ("rotate", "auth", "found"),
        [
            (False, LOGIN, [PLANTED]),
            (False, {"cookie": {}, "anonymous": {}}, []),
            (True, LOGIN, []),
            ("always", LOGIN, []),
        ],
    )
    def test_of_planted_cookies(self, rotate, auth, found):
        assert self.of({**HARDENED, "rotate": rotate}, auth=auth, options=OURS) == found

    @pytest.mark.parametrize(
        ("cookie", "auth", "options"),
        [
            (HARDENED, LOGIN, OURS),
            ({**HARDENED, "length": 22}, LOGIN, {"allowed_origins": []}),
            ({**HARDENED, "same_site": "Lax"}, LOGIN, {"allowed_origins": ["https://*.a.example"]}),
            ({**HARDENED, "same_site": "None"}, LOGIN, OURS),
            ({}, {"cookie": {}, "anonymous": {}}, {}),
            ({}, {"ticket": {}}, {}),
            ({}, {}, {}),
        ],
    )
    def test_are_not_made_where_nothing_can_be_lost(self, cookie, auth, options):
        assert self.of(cookie, auth=auth, options=options) == []

    @pytest.mark.parametrize(
        ("one", "other", "warns"),
        [({}, {}, True), ({"path": "/"}, {"path": "/"}, False), ({}, {"name": "other"}, False)],
    )
    def test_of_a_name_at_two_paths(self, one, other, warns):
        nested = {"type": "path", "paths": {"ws": {"type": "websocket", "cookie": other}}}
        paths = {"ws": {"type": "websocket", "cookie": one}, "deep": nested}
        found = check_node(router({"type": "web", "paths": paths}))
        warning = (
            'browsers keep a cookie "cbtid" for each of the paths / (worker001/transport001/ws),'
            " /deep (worker001/transport001/deep/ws): a login at one is not known at the others,"
            ' unless all have "path": "/"'
        )
        assert found == ([warning] if warns else [])

    @pytest.mark.parametrize("kind", ["router", "proxy"])
    @pytest.mark.parametrize(
        ("transport", "place"),
        [
            ({"type": "websocket", "auth": LOGIN}, ""),
            ({"type": "rawsocket", "auth": LOGIN}, ""),
            ({"type": "web", "paths": {"ws": {"type": "websocket", "auth": LOGIN}}}, "/ws"),
            ({"type": "universal", "websocket": {"ws": {"auth": LOGIN}}}, "/ws"),
            ({"type": "universal", "rawsocket": {"auth": LOGIN}}, "/rawsocket"),
        ],
    )
    def test_of_logins_by_a_cookie_where_there_is_no_item(self, transport, place, kind):
        number = "000" if kind == "proxy" else "001"
        assert check_node(router(transport, kind=kind)) == [
            f"worker001/transport{number}{place}: {NO_COOKIE}"
        ]

    def test_are_not_made_of_other_logins_where_there_is_no_item(self):
        assert check_node(router({"type": "rawsocket", "auth": {"ticket": {}}})) == []


@pytest.mark.parametrize(
    "other",
    [
        {**REDIS, "timeout": 7},
        {**REDIS, "url": "redis://:secret@host/0", "partitions": 4},
    ],
)
def test_one_place_on_a_server_with_two_items_is_refused_too(other):
    assert message(node(worker(REDIS), worker(other))) == (
        "worker002/transport002: expected the same store item as in worker001/transport001, which"
        " names redis:redis://host/0 too, found other options"
    )


def test_two_places_on_one_server_are_two_stores():
    assert check_node(node(worker(REDIS, {**REDIS, "prefix": "other"}))) == []
    assert check_node(node(worker(REDIS, {**REDIS, "url": "redis://:secret@host/1"}))) == []


@pytest.mark.parametrize(
    ("store", "filename"),
    [
        (FILE, "cookies.dat"),
        (FILE, "log/../cookies.dat"),
        ({**FILE, "filename": "/var/cookies.dat"}, "/var/cookies.dat"),
        (LMDB, ".cookies/audit.jsonl"),
    ],
)
def test_an_audit_log_in_the_place_of_a_store_is_refused(store, filename):
    audited = transport({"store": MEMORY, "audit": {"filename": filename}})
    told = message(router(transport({"store": store}), audited))
    assert told.startswith(
        'worker001/transport002: "filename" in the audit item: expected a file that is no part of'
        f" the store {store['type']}:"
    )
    assert told.endswith(f', found "{filename}"')


def test_an_audit_log_beside_a_store_is_right():
    items = [{"store": LMDB, "audit": {"filename": name}} for name in (".cookies.audit", "a")]
    assert check_node(router(*map(transport, items))) == []
    assert check_node(router(transport({"store": LMDB, "audit": {"type": "log"}}))) == []


def test_memory_stores_have_no_place():
    assert check_node(node(worker(MEMORY, {**MEMORY, "max_cookies": 7}))) == []


class TestLimitsThatBindNobody:
    REALM = {"name": "realm1", "roles": [{"name": "user"}, {"name": "admin"}]}

    def of(self, cookie, realms=(), routes=None, **listener):
        listener = {**transport({**HARDENED, "store": LMDB, **cookie}), "options": OURS, **listener}
        router = {"type": "router", "realms": list(realms), "transports": [listener]}
        return check_node(node(router, {"type": "proxy", "routes": routes or {}}))

    @pytest.mark.parametrize(
        ("auth", "warns"),
        [
            (LOGIN, False),
            ({"ticket": {}}, True),
            ({"cookie": {}, "anonymous": {}}, True),
            (None, True),
        ],
    )
    def test_are_those_of_logins_where_none_is_kept(self, auth, warns):
        found = self.of({"max_sessions": 2}, auth=auth)
        assert found == (
            [
                'worker001/transport001: "max_sessions" counts the logins that are kept, and this'
                ' transport keeps none: it needs "cookie" and another method in "auth"'
            ]
            if warns
            else []
        )

    @pytest.mark.parametrize(
        ("name", "warns"),
        [
            ("admin", False),
            ("admin@realm1", False),
            ("staff@realm2", False),
            ("amdin", True),
            ("admin@realm2", True),
        ],
    )
    def test_are_those_of_a_role_that_there_is_nowhere(self, name, warns):
        found = self.of(
            {"lifetimes": {name: {"max_age": 60}}}, [self.REALM], {"realm2": {"staff": "backend"}}
        )
        assert found == (
            [
                f'worker001/transport001: "lifetimes" has "{name}", and no realm of this node has'
                " such a role"
            ]
            if warns
            else []
        )

    @pytest.mark.parametrize(
        ("item", "lifetime", "warns"),
        [
            ({"max_age": 60}, {"max_age": 59}, False),
            ({"max_age": 60}, {"max_age": 60}, True),
            ({"max_age": 60}, {"max_age": 99, "idle_timeout": 59}, False),
            ({"max_age": 60}, {"idle_timeout": 60}, True),
            ({"max_age": 60, "idle_timeout": 30}, {"idle_timeout": 29}, False),
            ({"max_age": 60, "idle_timeout": 30}, {"idle_timeout": 30}, True),
            ({"max_age": 60}, {"max_age": 99, "rolling": True}, True),
            ({"max_age": 60}, {"max_age": 59, "rolling": True}, False),
            ({"max_age": 60, "rolling": True}, {"max_age": 600}, False),
            ({"max_age": 60, "rolling": True, "absolute_max_age": 600}, {"max_age": 600}, True),
            ({"max_age": 60, "rolling": True}, {"max_age": 60, "rolling": True}, True),
            (
                {"max_age": 60, "rolling": True, "absolute_max_age": 600},
                {"max_age": 60, "rolling": True, "absolute_max_age": 599},
                False,
            ),
        ],
    )
    def test_are_lifetimes_that_are_no_shorter_than_the_items_own(self, item, lifetime, warns):
        found = self.of({**item, "lifetimes": {"user": lifetime}})
        warning = '"lifetimes" of "user" end no login before its cookie ends'
        assert found == ([f"worker001/transport001: {warning}"] if warns else [])

    def test_are_not_known_where_the_node_has_no_realms(self):
        """Those of a proxy may be on other nodes."""
        assert self.of({"lifetimes": {"amdin": {"max_age": 60}}}) == []


def test_one_place_with_two_items_is_refused():
    other = {**LMDB, "path": "./.cookies", "maxsize": 2**30}
    assert message(node(worker(LMDB, other))) == (
        "worker001/transport002: expected the same store item as in worker001/transport001, which"
        " names lmdb:./.cookies too, found other options"
    )


class TestWorkersThatShareAStore:
    def test_cannot_share_one_that_is_exclusive(self):
        assert message(node(worker(FILE), worker(FILE, kind="proxy"))) == (
            "worker001/transport001, worker002/transport000: file:cookies.dat: expected one worker"
            " to name it, as one process at a time can have a file store open, found worker001,"
            " worker002: use a type that workers share"
        )

    def test_are_warned_where_it_is_volatile(self):
        [warning] = check_node(node(worker(MEMORY), worker(MEMORY)))
        assert warning == (
            "worker001/transport001, worker002/transport002: memory: workers worker001, worker002"
            " all name it, but each has a memory of its own, and knows nobody who has logged in on"
            " another: use a type that workers share"
        )

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
