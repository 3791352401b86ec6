"""The item of a guard: what is refused, and what is warned of."""

from types import SimpleNamespace

import pytest
from crossbar.common import checkconfig
from crossbar.common.checkconfig import InvalidConfigException

from cookietrack_plugin.config.check import check_node
from cookietrack_plugin.config.guard import GuardSettings, check_guard_item
from cookietrack_plugin.config.origin import origin_of
from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.router.guard.service import check_guard_service
from cookietrack_plugin.router.personalities.standalone import Personality

COOKIE = {"store": {"type": "lmdb", "path": ".cookies"}, "path": "/"}
STATIC = {"type": "static", "directory": "../private"}
GUARD = {"type": "cookietrack-guard", "cookie": COOKIE, "path": STATIC}
WEBSOCKET = {"type": "websocket", "cookie": COOKIE, "auth": {"cookie": {}, "ticket": {}}}
HARDENED = {"secure": True, "http_strict": True, "same_site": "Strict"}


def guard(**item):
    return {**GUARD, **item}


def service(kind, **item):
    return {"type": kind, **item}


WRONG = [
    ({"cookie": None}, '"cookie" in the guard item: expected'),
    ({"path": "static"}, '"path" in the guard item: expected the item of a path service'),
    ({"path": {}}, '"path.type" in the guard item'),
    ({"allow": ["operator"]}, '"allow" in the guard item: expected a mapping'),
    ({"allow": {"role": ["a"]}}, '(did you mean "roles"?)'),
    ({"allow": {"roles": "operator"}}, '"allow.roles" in the guard item: expected a list'),
    ({"allow": {"roles": []}}, "an empty list, which lets nobody in"),
    ({"allow": {"roles": [1]}}, "found an integer"),
    ({"denied": {"redirect": "login"}}, '"denied.redirect"'),
    ({"denied": {"redirect": "//evil.example/"}}, '"denied.redirect"'),
    ({"denied": {"redirect": "/\\evil.example/"}}, '"denied.redirect"'),
    ({"denied": {"redirect": "/{path}"}}, '"denied.redirect"'),
    ({"denied": {"redirect": "https://{path}/"}}, '"denied.redirect"'),
    ({"denied": {"redirect": "/a\r\nSet-Cookie: x"}}, '"denied.redirect"'),
    ({"denied": {"redirect": "/login?n={next}"}}, '"denied.redirect"'),
    ({"denied": {"page": "/login"}}, '"page" in "denied" in the guard item'),
    ({"headers": {"authid": "X User"}}, '"headers.authid"'),
    ({"headers": {"authid": "X_User"}}, '"headers.authid"'),
    ({"headers": {"authid": "Cookie"}}, '"headers.authid"'),
    ({"headers": {"authid": "content-length"}}, '"headers.authid"'),
    ({"headers": {"authid": "x-cookietrack-authrole"}}, "one for two of them"),
    ({"headers": {"user": "X-User"}}, '"user" in "headers"'),
    ({"csrf": False}, '"csrf" in the guard item: expected "on" or "off", found false'),
    ({"csrf": "no"}, '"csrf" in the guard item: expected "on" or "off", found "no"'),
    ({"cache": "a\r\nb"}, '"cache" in the guard item'),
    ({"cors": "https://a.example"}, '"cors" in the guard item: expected a list of origins'),
    ({"cors": ["*"]}, '"cors" in the guard item'),
    ({"cors": ["https://A.example/"]}, '"cors" in the guard item'),
    ({"cors": ["https://a.example:443"]}, '"cors" in the guard item'),
    ({"logout": "logout"}, '"logout" in the guard item'),
    ({"logout": "/a/b"}, '"logout" in the guard item'),
    ({"logout": "/.."}, '"logout" in the guard item'),
    ({"clear_site_data": True}, 'nothing without "logout"'),
    ({"clear_site_data": 1, "logout": "/logout"}, '"clear_site_data"'),
    ({"alow": {}}, '(did you mean "allow"?)'),
    ({"path": service("websocket")}, '"path.type"'),
    ({"path": service("longpoll")}, '"path.type"'),
    ({"path": service("websocket-reverseproxy")}, '"path.type"'),
    (
        {"path": service("path", paths={"/": STATIC, "ws": service("websocket")})},
        '"path.paths.ws.type" in the guard item: expected a service that answers requests',
    ),
    (
        {"path": service("path", paths={"a": guard(path=service("websocket"))})},
        '"path.paths.a.path.type"',
    ),
    ({"cookie": {"length": 5, **COOKIE}}, '"length" in the cookie item'),
    ({"cookie": {"store": {"type": "database", "path": "x"}}}, '"store.type"'),
]


@pytest.mark.parametrize(("item", "message"), WRONG)
def test_what_is_wrong_is_refused(item, message):
    with pytest.raises(ConfigError) as error:
        check_guard_item(guard(**item))
    assert message in str(error.value)


@pytest.mark.parametrize("missing", ["cookie", "path"])
def test_what_has_to_be_there(missing):
    item = {key: value for key, value in GUARD.items() if key != missing}
    with pytest.raises(ConfigError, match=f'"{missing}" in the guard item: .* found nothing'):
        check_guard_item(item)


def test_all_of_it():
    item = guard(
        id="webservice001",
        allow={"roles": ["operator"], "authids": ["alice"], "realms": ["realm1"]},
        denied={"redirect": "https://login.example/?next={path}"},
        headers={"authid": "X-Remote-User"},
        csrf="off",
        cache=None,
        cors=["https://app.example", "http://localhost:8080", "http://[::1]:1"],
        logout="/logout",
        clear_site_data=True,
    )
    settings = check_guard_item(item)
    assert settings.names["authid"] == "X-Remote-User"
    assert settings.names["id"] == "X-Cookietrack-Id"


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://a.example", "https://a.example"),
        ("HTTPS://A.example:443", "https://a.example"),
        ("http://a.example:80", "http://a.example"),
        ("http://a.example:8080", "http://a.example:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("null", None),
        ("", None),
        ("https://a.example/", None),
        ("https://a@b.example", None),
        ("https://a.example:x", None),
        ("ftp://a.example", None),
        (" https://a.example", None),
        ("https://a.example,https://b.example", None),
    ],
)
def test_origins(text, origin):
    assert origin_of(text) == origin


class TestTheServiceBehind:
    def check(self, item):
        check_guard_service(Personality, item)

    def test_is_checked_by_crossbar(self):
        self.check(GUARD)
        with pytest.raises(InvalidConfigException, match="whatever"):
            self.check(guard(path=service("static", whatever=1)))
        with pytest.raises(InvalidConfigException, match="invalid Web service type"):
            self.check(guard(path=service("no-such")))

    def test_is_checked_by_ours(self):
        with pytest.raises(InvalidConfigException, match='"csrf" in the guard item'):
            self.check(guard(path=guard(csrf="no")))

    @pytest.mark.parametrize(
        "inner",
        [
            STATIC,
            service("json", value={}),
            service("redirect", url="/x"),
            service("cgi", directory="..", processor="/bin/sh"),
            service("path", paths={"/": STATIC, "a": guard()}),
            service("caller", realm="realm1", role="anonymous"),
            service("publisher", realm="realm1", role="anonymous"),
            guard(),
            service("cookietrack-metrics"),
        ],
    )
    def test_may_be_any_that_answers_requests(self, inner):
        self.check(guard(path=inner))


def node(*paths, **more):
    web = {"type": "web", "paths": dict(paths)}
    return {"workers": [{"type": "router", "transports": [web], **more}]}


def complaint(content):
    with pytest.raises(ConfigError) as error:
        check_node(content)
    return str(error.value)


class TestCheck:
    def test_names_the_place(self):
        nested = service("path", paths={"deep": guard(csrf="no")})
        assert complaint(node(("a", nested))).startswith('worker001/transport001/a/deep: "csrf"')
        behind = guard(path=service("path", paths={"b": guard(csrf="no")}))
        # The outer one is asked first, and knows of what is behind it only what concerns it.
        assert complaint(node(("a", behind))).startswith('worker001/transport001/a/b: "csrf"')

    def test_looks_at_its_cookie_as_at_those_of_websockets(self):
        found = complaint(node(("a", guard(cookie={"length": 5, **COOKIE}))))
        assert found.startswith('worker001/transport001/a: "length" in the cookie item')

    def test_looks_at_proxies_and_universal_transports_too(self):
        web = {"paths": {"a": guard(csrf="no")}}
        transport = {"type": "universal", "web": web}
        content = {"workers": [{"type": "proxy", "transports": [transport]}]}
        assert complaint(content).startswith("worker001/transport000/a: ")

    @pytest.mark.parametrize(
        ("path", "redirect"),
        [
            ("admin", "/admin/login"),
            ("admin", "/admin"),
            ("admin", "/x/../admin/login?next={path}"),
            ("/", "/login"),
            ("/", "/"),
        ],
    )
    def test_refuses_a_redirect_that_leads_back(self, path, redirect):
        content = node((path, guard(denied={"redirect": redirect})), ("other", STATIC))
        assert "is not behind this guard" in complaint(content)

    @pytest.mark.parametrize(
        ("path", "redirect"),
        [("admin", "/login"), ("admin", "/administration"), ("/", "/login/x"), ("/", "http://a/")],
    )
    def test_takes_others(self, path, redirect):
        check_node(node((path, guard(denied={"redirect": redirect})), ("login", STATIC)))

    @pytest.mark.parametrize("type_", [None, 5, [], {}, ["path"]])
    def test_passes_over_what_crossbar_refuses(self, type_):
        check_node(node(("a", {"type": type_}), ("b", None)))
        check_node(node(("a", service("path", paths=5))))


def test_a_websockets_settings_are_read_as_often_with_many_guards_as_with_one(monkeypatch):
    read, of = [], CookieSettings.of
    monkeypatch.setattr(CookieSettings, "of", lambda item: read.append(item) or of(item))

    def times(guards):
        read.clear()
        cookie = {**COOKIE, "name": "websockets"}
        paths = [(f"a{number}", guard()) for number in range(guards)]
        check_node(node(("ws", {**WEBSOCKET, "cookie": cookie}), *paths))
        return read.count(cookie)

    assert times(20) == times(1)


class TestWarnings:
    def of(self, path, item, *others):
        login = {**WEBSOCKET, "cookie": {**COOKIE, **HARDENED}, "options": {"allowed_origins": []}}
        item = {**item, "cookie": {**item["cookie"], **HARDENED}}
        return check_node(node((path, item), ("ws", login), *others))

    def test_are_not_made_where_all_is_well(self):
        assert self.of("admin", guard(allow={"authids": ["a"], "realms": ["realm1"]})) == []

    def test_of_what_stands_beside_a_guard_at_the_root(self):
        [found] = self.of("/", guard())
        assert found == (
            'worker001/transport001: it stands at "/", and does not guard what stands beside it: '
            "/ws"
        )

    def test_of_a_root_that_is_nested(self):
        nested = service("path", paths={"/": guard(), "open": service("json", value=1)})
        found = check_node(node(("a", nested)))
        assert any(
            each.startswith("worker001/transport001/a: it stands at") and "/open" in each
            for each in found
        )

    @pytest.mark.parametrize(
        ("item", "warning"),
        [
            ({"allow": {"authids": ["alice"]}}, '"allow" lets in the users alice of any realm'),
            ({"csrf": "off"}, "pages of any site can change things"),
            (
                {"path": service("caller", realm="realm1", role="user")},
                'calls of the caller run with its own role "user" in realm "realm1"',
            ),
            (
                {"path": service("path", paths={"pub": service("publisher", realm="r")})},
                'calls of the publisher run with its own role "anonymous"',
            ),
            ({"cookie": {**COOKIE, "name": "other"}}, 'gives a cookie "other" of this store'),
            ({"cookie": {"store": {"type": "memory"}}}, 'gives a cookie "cbtid" of this store'),
        ],
    )
    def test_of_what_is_not_as_one_may_think(self, item, warning):
        [found] = self.of("admin", guard(**item))
        assert found.startswith("worker001/transport001/admin")
        assert warning in found

    def test_of_a_cookie_that_browsers_keep_for_another_path(self):
        cookie = {"store": COOKIE["store"]}
        websocket = service("path", paths={"ws": {**WEBSOCKET, "cookie": cookie}})
        found = check_node(node(("deep", websocket), ("admin", guard(cookie=cookie))))
        assert any("browsers do not send the cookie of worker001/transport001/deep/ws" in each
                   for each in found)  # fmt: skip
        inside = service("path", paths={"ws": {**WEBSOCKET, "cookie": cookie}, "a": guard()})
        assert not any("browsers do not send" in each for each in check_node(node(("d", inside))))

    def test_of_a_websocket_that_keeps_no_logins(self):
        websocket = {**WEBSOCKET, "auth": {"ticket": {}}}
        found = check_node(node(("ws", websocket), ("admin", guard())))
        assert any("worker001/transport001/ws keeps no logins" in each for each in found)

    @pytest.mark.parametrize("directory", ["../private", "..", "../private/"])
    def test_of_files_that_are_not_guarded_elsewhere(self, directory):
        [found] = self.of("admin", guard(), ("open", {**STATIC, "directory": directory}))
        assert "its files, in ../private, are not guarded at worker001/transport001/open" in found

    def test_of_a_server_that_is_not_guarded_elsewhere(self):
        """`//private` may be its own path to it."""
        server = {"type": "reverseproxy", "host": "127.0.0.1", "port": 8081}
        warned = self.of("admin", guard(path=server), ("open", {**server, "path": "/b"}))
        assert "the server behind it, 127.0.0.1:8081, is not guarded at" in warned[-1]
        assert self.of("admin", guard(path=server), ("open", {**server, "port": 8082})) == []

    def test_of_other_files_there_are_none(self):
        other = {**STATIC, "directory": "../private2"}
        assert self.of("admin", guard(), ("open", other), ("b", guard())) == []


def test_crossbars_own_checker_takes_the_type():
    checked = []
    personality = SimpleNamespace(
        WEB_SERVICE_CHECKERS={"cookietrack-guard": lambda _, config: checked.append(config)}
    )
    checkconfig.check_web_path_service(personality, "a", GUARD, False)
    assert checked == [GUARD]
    assert "cookietrack-guard" in Personality.WEB_SERVICE_CHECKERS
    assert "cookietrack-guard" in Personality.WEB_SERVICE_FACTORIES


def test_settings_are_read_as_they_are():
    assert GuardSettings.of(GUARD).cache == "private, no-cache"
