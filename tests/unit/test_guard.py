"""A guard before a Web resource: who gets through, and what the service behind it sees."""

import gc
from weakref import ref

import pytest
from attrs import evolve
from twisted.web.resource import Resource
from twisted.web.static import File

from cookietrack_plugin.header import id_of
from cookietrack_plugin.record import Auth
from cookietrack_plugin.router.guard import request as guarded_request
from cookietrack_plugin.router.guard.right import RECHECK_S
from cookietrack_plugin.router.names import CookieNames
from cookietrack_plugin.testing.samples import DAY, NOW
from tests.support.guarded import ALICE, BOB, NOBODY, Browser, Inner, Web, never, users


@pytest.fixture(autouse=True)
def names(monkeypatch):
    """The node has two cookies."""
    monkeypatch.setattr(guarded_request, "cookie_names", CookieNames(["cbtid", "other"]))


@pytest.fixture
def make_web(tracked):
    def make(inner=None, cookie=(), **item):
        web = Web(tracked, item, inner or Inner(), dict(cookie))
        for value, auth in users():
            web.log_in(value, auth)
        return web

    return make


@pytest.fixture
def web(make_web):
    return make_web()


class TestWhoGetsThrough:
    def test_somebody_who_is_logged_in(self, web):
        response = web.get(ALICE)
        assert (response.status, response.rest) == (200, b"secret")

    @pytest.mark.parametrize("value", [None, "unknown-value", NOBODY, ""])
    def test_nobody_else(self, web, value):
        response = web.get(value)
        assert response.status == 401
        assert response["www-authenticate"] == 'Cookie realm="cookietrack"'
        assert response["cache-control"] == "no-store"
        assert "Cookie" in response["vary"]
        assert web.inner.requests == []

    def test_not_who_came_by_another_cookie_of_the_node(self, web):
        assert web.ask("GET /admin/ HTTP/1.1", f"Cookie: other={ALICE}").status == 401

    def test_not_by_an_id(self, web):
        assert web.get(id_of(ALICE)).status == 401

    def test_not_who_was_ended(self, web, tracked):
        tracked.reactor.result_of(tracked.tracker.revoke([id_of(ALICE)]))
        assert web.get(ALICE).status == 401

    def test_not_after_its_time(self, web, tracked):
        tracked.reactor.advance(DAY / 1000)
        assert web.get(ALICE).status == 401

    def test_not_longer_than_the_policy_of_this_guard_says(self, make_web, tracked):
        web = make_web(cookie={"max_age": 60})
        assert web.get(ALICE).status == 200
        tracked.reactor.advance(61)
        assert web.get(ALICE).status == 401

    def test_not_an_anonymous_login(self, web):
        web.log_in(ALICE, Auth("x", "anonymous", "anonymous", "realm1"))
        assert web.get(ALICE).status == 401

    @pytest.mark.parametrize(
        "cookies",
        [
            [f"cbtid={ALICE}; cbtid={NOBODY}"],
            [f"cbtid={NOBODY}", f"a=1; cbtid={ALICE}"],
            [f"cbtid=unknown; cbtid={ALICE}"],
        ],
    )
    def test_of_several_values_the_only_login_counts(self, web, cookies):
        response = web.ask("GET /admin/ HTTP/1.1", *[f"Cookie: {each}" for each in cookies])
        assert response.status == 200
        assert web.inner.last.cookietrack.authid == "alice"

    def test_of_two_logins_none_counts(self, web):
        assert web.ask("GET /admin/ HTTP/1.1", f"Cookie: cbtid={ALICE}; cbtid={BOB}").status == 401

    def test_nobody_before_the_store_is_open(self, web):
        web.awaited.store = None
        response = web.get(ALICE)
        assert (response.status, response["retry-after"]) == (503, "5")

    def test_nobody_while_the_store_fails(self, web, tracked, log):
        tracked.store.fail_loads()
        response = web.get(ALICE)
        assert (response.status, response["retry-after"]) == (503, "5")
        assert ALICE not in log.text()
        tracked.store.recover()


ALLOWED = [
    ({"roles": ["operator"]}, 200, 403),
    ({"roles": ["operator", "user"]}, 200, 200),
    ({"authids": ["alice"]}, 200, 403),
    ({"realms": ["realm1"]}, 200, 200),
    ({"realms": ["realm2"]}, 403, 403),
    # All of them.
    ({"roles": ["operator"], "authids": ["bob"]}, 403, 403),
]


@pytest.mark.parametrize(("allow", "alice", "bob"), ALLOWED)
def test_of_those_who_are_logged_in_the_allowed_ones(make_web, allow, alice, bob):
    web = make_web(allow=allow)
    assert (web.get(ALICE).status, web.get(BOB).status) == (alice, bob)


@pytest.mark.parametrize(
    "authid", [" alice", "alice\t", "ali\nce", "", "a\x00", "a\u2028b", "\x85a"]
)
def test_nobody_whose_name_no_header_carries_as_it_is(make_web, authid):
    web = make_web()
    web.log_in(ALICE, Auth(authid, "operator", "ticket", "realm1"))
    assert web.get(ALICE).status == 403
    assert web.inner.requests == []


class TestTheNextRequestOfAConnection:
    @pytest.fixture
    def send(self, web):
        browser = Browser(web.site)

        def send(value, *lines):
            browser.wire.clear()
            browser.send("GET /admin/ HTTP/1.1", f"Cookie: cbtid={value}", *lines)
            web.tracked.reactor.turn_until(lambda: browser.output, "an answer")
            return browser.response.status

        assert send(ALICE) == 200
        return send

    def test_is_let_in(self, web, send):
        assert [send(ALICE), send(ALICE)] == [200, 200]
        assert web.tracked.tracker.metrics.requests == {"returning": 3}
        assert web.tracked.tracker.connected == 0

    def test_is_not_who_was_ended(self, tracked, send):
        tracked.reactor.result_of(tracked.tracker.revoke([id_of(ALICE)]))
        assert send(ALICE) == 401

    def test_is_not_whose_record_somebody_else_has_deleted(self, tracked, send):
        del tracked.store.cookies[id_of(ALICE)]
        assert send(ALICE) == 401

    def test_is_another_user_with_another_cookie(self, web, send):
        assert (send(BOB), web.inner.last.cookietrack.authid) == (200, "bob")
        assert (send(ALICE), web.inner.last.cookietrack.authid) == (200, "alice")
        assert send(NOBODY) == 401

    def test_is_by_whom_the_cookie_belongs_to_now(self, web, send):
        web.log_in(ALICE, Auth("eve", "user", "ticket", "realm1"))
        assert (send(ALICE), web.inner.last.cookietrack.authid) == (200, "eve")

    def test_is_noted_by_another_browser(self, tracked, send):
        assert send(ALICE, "User-Agent: another") == 200
        tracked.reactor.advance(5)
        tracked.reactor.turn_until(lambda: tracked.store.committed)
        assert tracked.store.cookies[id_of(ALICE)].user_agent == "another"

    def test_is_not_kept_by_what_is_known_of_its_client(self, web):
        """What outlives a request has nothing of it."""
        browser = web.browse("GET /admin/ HTTP/1.1", f"Cookie: cbtid={ALICE}")
        web.tracked.reactor.turn_until(lambda: browser.output, "an answer")
        browser.wire.lose()
        browser, request = None, ref(web.inner.requests.pop())
        gc.collect()
        assert request() is None

    def test_is_not_let_in_who_has_lost_the_right(self, make_web):
        web = make_web(allow={"roles": ["operator"]})
        browser = web.browse("GET /admin/ HTTP/1.1", f"Cookie: cbtid={ALICE}")
        web.tracked.reactor.turn_until(lambda: browser.output, "an answer")
        web.log_in(ALICE, Auth("alice", "user", "ticket", "realm1"))
        browser.wire.clear()
        browser.send("GET /admin/ HTTP/1.1", f"Cookie: cbtid={ALICE}")
        web.tracked.reactor.turn_until(lambda: browser.output, "an answer")
        assert browser.response.status == 403


class TestFiles:
    @pytest.fixture
    def folder(self, tmp_path):
        return tmp_path

    @pytest.fixture
    def web(self, make_web, folder):
        return make_web(inner=File(str(folder)))

    @pytest.mark.parametrize("size", [0, 1, 2_000, 64_000, 65_536])
    def test_that_are_small_leave_at_once(self, web, folder, size):
        (folder / "file").write_bytes(b"x" * size)
        response = web.get(ALICE, path="/admin/file")
        assert (response.status, response["content-length"]) == (200, str(size))
        assert response.rest == b"x" * size
        assert web.tracked.tracker.connected == 0

    @pytest.mark.parametrize("asked", ["bytes=10-19", "bytes=10-19,30-39"])
    def test_leave_in_parts_too(self, web, folder, asked):
        (folder / "file").write_bytes(b"x" * 100)
        response = web.get(ALICE, f"Range: {asked}", path="/admin/file")
        assert response.status == 206
        assert b"x" * 10 in response.rest

    def test_that_are_large_leave_as_their_client_reads(self, web, folder):
        (folder / "file").write_bytes(b"x" * 1_000_000)
        browser = web.browse("GET /admin/file HTTP/1.1", f"Cookie: cbtid={ALICE}")
        web.tracked.reactor.turn_until(lambda: browser.output, "the beginning")
        assert len(browser.response.rest) < 200_000
        assert web.tracked.tracker.connected == 1
        web.tracked.reactor.result_of(web.tracked.tracker.revoke([id_of(ALICE)]))
        assert browser.wire.aborted
        browser.wire.lose()


class TestIdentity:
    def test_is_in_headers_and_at_the_request(self, web):
        web.get(ALICE)
        inner = web.inner
        assert inner.sent(b"X-Cookietrack-Authid") == [b"alice"]
        assert inner.sent(b"X-Cookietrack-Authrole") == [b"operator"]
        assert inner.sent(b"X-Cookietrack-Authrealm") == [b"realm1"]
        assert inner.sent(b"X-Cookietrack-Id") == [id_of(ALICE).encode()]
        assert inner.last.cookietrack.id == id_of(ALICE)

    @pytest.mark.parametrize(
        "forged",
        [
            "X-Cookietrack-Authid",
            "x_cookietrack_authid",
            "X-Cookietrack_Authid",
            "X-COOKIETRACK-AUTHROLE",
            "X.Cookietrack.Authid",
            "X-Cookietrack-Whatever",
            "X~Cookietrack^Id",
        ],
    )
    def test_cannot_be_forged(self, web, forged):
        response = web.get(BOB, f"{forged}: alice", f"{forged.lower()}: operator")
        assert response.status == 200
        headers = web.inner.last.requestHeaders
        values = [value for _, values in headers.getAllRawHeaders() for value in values]
        assert b"alice" not in values
        assert b"operator" not in values
        assert web.inner.sent(b"X-Cookietrack-Authid") == [b"bob"]

    def test_is_not_taken_out_by_a_connection_header(self, web):
        web.get(ALICE, "Connection: keep-alive, X-Cookietrack-Authid, x_cookietrack_id")
        assert web.inner.sent(b"connection") == [b"keep-alive"]

    def test_has_the_names_that_are_configured(self, make_web):
        web = make_web(headers={"authid": "X-Remote-User"})
        web.get(BOB, "x_remote_user: alice", "X-Cookietrack-Authid: alice")
        assert web.inner.sent(b"X-Remote-User") == [b"bob"]
        assert web.inner.sent(b"x_remote_user") == []
        assert web.inner.sent(b"X-Cookietrack-Authid") == []

    def test_is_in_utf_8(self, web):
        web.log_in(ALICE, Auth("Åsa ☃", "user", "ticket", "realm1"))
        web.get(ALICE)
        assert web.inner.sent(b"X-Cookietrack-Authid") == ["Åsa ☃".encode()]


class TestSecrecy:
    def test_no_value_passes_the_guard(self, web, log):
        web.ask("GET /admin/ HTTP/1.1", f"Cookie: a=1; cbtid={ALICE}", "Cookie: other=t0p; b=2")
        request = web.inner.last
        hidden = f"a=1; cbtid={id_of(ALICE)}; other={id_of('t0p')}; b=2".encode()
        assert web.inner.sent(b"cookie") == [hidden]
        assert request.received_cookies[b"cbtid"] == id_of(ALICE).encode()
        assert request.received_cookies[b"b"] == b"2"
        assert ALICE not in log.text()
        assert ALICE not in repr(vars(request))

    def test_nor_with_the_next_request_of_the_connection(self, web):
        browser = web.browse("GET /admin/1 HTTP/1.1", f"Cookie: a=1; cbtid={ALICE}")
        browser.send("GET /admin/2 HTTP/1.1", f"Cookie: a=1; cbtid={ALICE}")
        browser.send("GET /admin/3 HTTP/1.1", f"Cookie: a=1; cbtid={BOB}")
        web.tracked.reactor.turn_until(lambda: len(web.inner.requests) == 3, "three answers")
        for request, value in zip(web.inner.requests, (ALICE, ALICE, BOB), strict=True):
            id = id_of(value).encode()
            assert request.requestHeaders.getRawHeaders(b"cookie") == [b"a=1; cbtid=" + id]
            assert request.received_cookies == {b"a": b"1", b"cbtid": id}

    def test_a_set_cookie_header_has_no_business_in_a_request(self, web):
        web.get(ALICE, f"Set-Cookie: cbtid={ALICE}")
        assert web.inner.sent(b"set-cookie") == []


class TestRedirect:
    @pytest.fixture
    def web(self, make_web):
        return make_web(denied={"redirect": "/login?next={path}"})

    def test_sends_browsers_to_where_one_logs_in(self, web):
        response = web.get(None, "Accept: text/html,*/*;q=0.8", path="/admin/a%20b?x=1&y=2")
        assert response.status == 303
        assert response["location"] == "/login?next=%2Fadmin%2Fa%2520b%3Fx%3D1%26y%3D2"
        assert response["cache-control"] == "no-store"
        assert "accept" in response["vary"].lower()

    @pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/html;q=0"])
    def test_sends_nobody_else(self, web, accept):
        response = web.get(None, *([f"Accept: {accept}"] if accept else []))
        assert response.status == 401

    def test_leads_to_no_other_host(self, make_web):
        web = make_web(denied={"redirect": "/login?next={path}"})
        web.site.resource = web.guard(web.inner, denied={"redirect": "/login?next={path}"})
        response = web.get(None, "Accept: text/html", path="//evil.example/x")
        assert response["location"] == "/login?next=%2Fevil.example%2Fx"

    def test_who_has_no_right_is_told_so(self, make_web):
        web = make_web(denied={"redirect": "/login"}, allow={"roles": ["operator"]})
        assert web.get(BOB, "Accept: text/html").status == 403


class TestCrossSite:
    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ([], 403),
            (["Sec-Fetch-Site: same-origin"], 200),
            (["Sec-Fetch-Site: same-site", "Origin: http://other.site.example"], 200),
            (["Sec-Fetch-Site: cross-site", "Origin: http://site.example:8080"], 403),
            (["Sec-Fetch-Site: none"], 403),
            (["Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"], 403),
            (["Origin: http://site.example:8080"], 200),
            (["Origin: https://site.example:8080"], 200),
            (["Origin: http://site.example"], 403),
            (["Origin: http://evil.example"], 403),
            (["Origin: http://site.example:8080.evil.example"], 403),
            (["Origin: null"], 403),
            (["Origin: http://site.example:8080", "Origin: http://evil.example"], 403),
            (["Origin: http://site.example:8080", "Host: evil.example"], 403),
        ],
    )
    @pytest.mark.parametrize("method", ["POST", "DELETE", "get"])
    def test_pages_change_nothing(self, web, method, headers, status):
        line = f"{method} /admin/ HTTP/1.1"
        response = web.ask(line, f"Cookie: cbtid={ALICE}", "Content-Length: 0", *headers)
        assert response.status == status
        assert len(web.inner.requests) == (status == 200)

    @pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
    def test_pages_may_ask(self, web, method):
        headers = [f"Cookie: cbtid={ALICE}", "Origin: http://evil.example"]
        assert web.ask(f"{method} /admin/ HTTP/1.1", *headers).status == 200

    def test_is_not_looked_at_where_it_is_off(self, make_web):
        web = make_web(csrf="off")
        assert web.ask("POST /admin/ HTTP/1.1", f"Cookie: cbtid={ALICE}").status == 200

    def test_does_not_keep_a_session_alive(self, web, tracked):
        web.ask("POST /admin/ HTTP/1.1", f"Cookie: cbtid={ALICE}")
        assert tracked.store.loaded == []

    def test_without_a_cookie_one_has_to_log_in_first(self, web):
        assert web.ask("POST /admin/ HTTP/1.1").status == 401


STATIC = {
    b"Cache-Control": b"max-age=43200, public",
    b"Expires": b"Thu, 01 Jan 2099 00:00:00 GMT",
    b"Access-Control-Allow-Origin": b"http://evil.example",
    b"Access-Control-Allow-Credentials": b"true",
    b"access-control-allow-headers": b"x",
    b"Vary": b"Accept-Encoding",
}


class TestResponse:
    def test_is_private_and_for_this_origin(self, web):
        web.inner.headers = STATIC
        response = web.get(ALICE, "Origin: http://evil.example")
        assert response["cache-control"] == "private, no-cache"
        assert response["vary"] == "Accept-Encoding, Cookie"
        assert response["expires"] is None
        assert [key for key, _ in response.headers if key.startswith("access-control")] == []

    def test_is_not_less_private_than_the_service_says(self, web):
        web.inner.headers = {b"Cache-Control": b"no-store, max-age=0"}
        assert web.get(ALICE)["cache-control"] == "private, no-store"

    @pytest.mark.parametrize("cache", ["private, max-age=600", None])
    def test_is_cached_as_configured(self, make_web, cache):
        web = make_web(cache=cache)
        web.inner.headers = STATIC
        assert web.get(ALICE)["cache-control"] == (cache or "max-age=43200, public")

    def test_is_read_by_pages_of_configured_origins(self, make_web):
        web = make_web(cors=["https://app.example"])
        web.inner.headers = STATIC
        response = web.get(ALICE, "Origin: https://app.example")
        assert response["access-control-allow-origin"] == "https://app.example"
        assert response["access-control-allow-credentials"] == "true"
        assert response["access-control-allow-headers"] is None
        assert response["vary"] == "Accept-Encoding, Cookie, Origin"
        other = web.get(ALICE, "Origin: https://evil.example")
        assert other["access-control-allow-origin"] is None
        denied = web.get(None, "Origin: https://app.example")
        assert (denied.status, denied["access-control-allow-credentials"]) == (401, "true")

    def test_to_a_preflight_needs_no_cookie(self, make_web):
        web = make_web(cors=["https://app.example"])
        ask = ["Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-a"]
        response = web.ask("OPTIONS /admin/ HTTP/1.1", "Origin: https://app.example", *ask)
        assert (response.status, response["access-control-allow-methods"]) == (204, "PUT")
        other = web.ask("OPTIONS /admin/ HTTP/1.1", "Origin: https://evil.example", *ask)
        assert other.status == 401
        assert web.inner.requests == []

    def test_a_page_of_a_configured_origin_may_change_things(self, make_web):
        web = make_web(cors=["https://app.example"])
        headers = ["Origin: https://app.example", "Sec-Fetch-Site: cross-site"]
        line = "POST /admin/ HTTP/1.1"
        assert web.ask(line, f"Cookie: cbtid={ALICE}", *headers).status == 200

    def test_to_head_has_no_body(self, web):
        response = web.ask("HEAD /admin/ HTTP/1.1", f"Cookie: cbtid={ALICE}")
        assert (response.status, response["content-length"], response.rest) == (200, "6", b"")
        denied = web.ask("HEAD /admin/ HTTP/1.1")
        assert (denied.status, denied.rest) == (401, b"")

    def test_to_a_service_that_only_knows_get(self, make_web):
        class Page(Resource):
            def render_GET(self, request):
                return b"page"

        web = make_web(Page())
        cookie = f"Cookie: cbtid={ALICE}"
        head = web.ask("HEAD /admin HTTP/1.1", cookie)
        assert (head.status, head["cache-control"]) == (200, "private, no-cache")
        post = web.ask("POST /admin HTTP/1.1", cookie, "Sec-Fetch-Site: same-origin")
        assert (post.status, post["allow"]) == (405, "HEAD, GET")

    def test_of_a_service_that_fails(self, web, log):
        def fail(request):
            raise ZeroDivisionError

        web.inner.answer = fail
        response = web.get(ALICE)
        assert (response.status, response["cache-control"]) == (500, "private, no-cache")
        log.events.clear()

    @pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
    def test_methods_that_show_or_connect_what_is_behind(self, web, method):
        assert web.ask(f"{method} /admin/ HTTP/1.1", f"Cookie: cbtid={ALICE}").status == 405


class TestLifetimes:
    def test_a_request_is_activity(self, make_web, tracked):
        web = make_web(cookie={"idle_timeout": 100})
        web.log_in(ALICE, Auth("alice", "operator", "ticket", "realm1"))
        for _ in range(5):
            tracked.reactor.advance(60)
            tracked.reactor.turn()
            assert web.get(ALICE).status == 200
        tracked.reactor.advance(101)
        assert web.get(ALICE).status == 401

    def test_a_rolling_cookie_is_given_again_for_longer(self, make_web, tracked):
        web = make_web(cookie={"rolling": True, "max_age": 600, "path": "/", "secure": True})
        tracked.reactor.advance(500)
        response = web.get(ALICE)
        assert response["set-cookie"] == f"cbtid={ALICE}; Max-Age=600; Secure; Path=/"
        tracked.reactor.advance(500)
        assert web.get(ALICE).status == 200

    def test_a_rolling_cookie_stands_beside_those_of_the_service(self, make_web):
        web = make_web(cookie={"rolling": True})

        def answer(request):
            request.addCookie(b"own", b"1")
            return b""

        web.inner.answer = answer
        assert [each[:6] for each in web.get(ALICE).all("set-cookie")] == ["own=1", "cbtid="]

    def test_another_cookie_is_not_given_again(self, web):
        assert web.get(ALICE)["set-cookie"] is None


class TestEnd:
    def begin(self, web, *lines):
        """A request whose answer does not end."""

        def stream(request):
            request.write(b"first")
            return never(request)

        web.inner.answer = stream
        browser = web.browse(
            *(lines or ("GET /admin/ HTTP/1.1", f"Cookie: cbtid={ALICE}")),
        )
        web.tracked.reactor.turn_until(lambda: b"first" in browser.output, "the first bytes")
        return browser

    def test_of_the_session_cuts_a_running_response(self, web, tracked):
        browser = self.begin(web)
        gone = []
        web.inner.last.notifyFinish().addErrback(gone.append)
        ending = tracked.tracker.revoke([id_of(ALICE)])
        assert browser.wire.aborted
        browser.wire.lose()
        assert len(gone) == 1
        tracked.reactor.result_of(ending)

    def test_of_a_user_cuts_it_too(self, web, tracked):
        browser = self.begin(web)
        tracked.reactor.result_of(tracked.tracker.revoke_user("bob"))
        assert not browser.wire.aborted
        ending = tracked.tracker.revoke_user("alice", "realm1")
        assert browser.wire.aborted
        tracked.reactor.result_of(ending)

    def test_of_its_time_cuts_it_too(self, make_web, tracked):
        web = make_web(cookie={"max_age": 60})
        browser = self.begin(web)
        tracked.reactor.advance(61)
        tracked.reactor.turn_until(lambda: browser.wire.aborted, "the end")

    def test_another_login_on_the_cookie_cuts_it_too(self, web, tracked):
        browser = self.begin(web)
        record = tracked.store.cookies[id_of(ALICE)]
        now_bobs = Auth("bob", "user", "ticket", "realm1")
        tracked.tracker._revoker.revoked_remotely(record.id, evolve(record, auth=now_bobs))
        assert browser.wire.aborted

    def recheck(self, tracked):
        """Until the store was asked again, and its answer is known."""
        before = len(tracked.store.loaded)
        tracked.reactor.advance(RECHECK_S)
        tracked.reactor.turn_until(lambda: len(tracked.store.loaded) > before, "a look-up")
        tracked.reactor.result_of(tracked.tracker.find(id_of(BOB)))

    @pytest.mark.parametrize(("role", "is_cut"), [("operator", False), ("user", True)])
    def test_another_role_of_the_same_user_cuts_it_too(self, make_web, tracked, role, is_cut):
        web = make_web(allow={"roles": ["operator"]})
        browser = self.begin(web)
        # Here or on another worker: no feed tells of it.
        web.log_in(ALICE, Auth("alice", role, "ticket", "realm1", at=NOW))
        self.recheck(tracked)
        assert browser.wire.aborted == is_cut

    def test_a_store_that_is_away_takes_no_right(self, make_web, tracked):
        web = make_web(allow={"roles": ["operator"]})
        browser = self.begin(web)
        web.log_in(ALICE, Auth("alice", "user", "ticket", "realm1"))
        tracked.store.fail_loads(RuntimeError)
        tracked.reactor.advance(RECHECK_S)
        tracked.reactor.turn()
        assert not browser.wire.aborted
        tracked.store.recover()
        tracked.reactor.turn_until(
            lambda: tracked.reactor.advance(RECHECK_S) or browser.wire.aborted, "the end"
        )

    def test_nobody_is_asked_again_about_what_is_over(self, make_web, tracked):
        web = make_web(allow={"roles": ["operator"]})
        assert web.get(ALICE).status == 200
        before = len(tracked.store.loaded)
        tracked.reactor.advance(RECHECK_S)
        tracked.reactor.turn()
        assert len(tracked.store.loaded) == before

    def test_leaves_nothing_behind_when_the_response_has_ended_or_the_client_is_gone(
        self, web, tracked
    ):
        browser = self.begin(web)
        assert tracked.tracker.connected == 1
        web.inner.last.finish()
        assert tracked.tracker.connected == 0
        self.begin(web).wire.lose()
        assert tracked.tracker.connected == 0
        assert not browser.wire.aborted

    def test_does_not_cut_a_connection_whose_answer_was_complete(self, web, tracked):
        browser = web.browse("GET /admin/ HTTP/1.1", f"Cookie: cbtid={ALICE}")
        tracked.reactor.turn_until(lambda: browser.output)
        tracked.reactor.result_of(tracked.tracker.revoke([id_of(ALICE)]))
        assert not browser.wire.aborted

    def drain(self, web, monkeypatch):
        """A request whose answer is complete, and whose client does not read it."""
        monkeypatch.setattr(web.site, "reactor", web.tracked.reactor)

        def answer(request):
            # As a transport does whose buffer is full.
            request.channel.pauseProducing()
            return b"x" * 100_000

        web.inner.answer = answer
        browser = web.browse("GET /admin/ HTTP/1.1", f"Cookie: cbtid={ALICE}")
        web.tracked.reactor.turn_until(lambda: browser.output)
        return browser

    def test_cuts_an_answer_that_is_complete_and_has_not_left(self, web, tracked, monkeypatch):
        browser = self.drain(web, monkeypatch)
        tracked.reactor.advance(1)
        ending = tracked.tracker.revoke([id_of(ALICE)])
        assert browser.wire.aborted
        browser.wire.lose()
        tracked.reactor.result_of(ending)
        tracked.reactor.advance(1)

    def test_does_not_wait_for_an_answer_that_has_left(self, web, tracked, monkeypatch):
        browser = self.drain(web, monkeypatch)
        assert tracked.tracker.connected == 1
        browser.wire.producer.resumeProducing()
        tracked.reactor.advance(1)
        assert tracked.tracker.connected == 0

    def test_does_not_wait_for_a_client_that_is_gone(self, web, tracked, monkeypatch):
        browser = self.drain(web, monkeypatch)
        browser.wire.lose()
        tracked.reactor.advance(1)
        assert tracked.tracker.connected == 0


class TestWaiting:
    @pytest.fixture
    def tracked(self, make_store, make_tracked):
        return make_tracked(make_store(reads_block=True))

    def test_many_requests_are_one_round_trip(self, web, tracked):
        tracked.store.reads.shut()
        first = web.browse("GET /admin/ HTTP/1.1", f"Cookie: cbtid={ALICE}")
        tracked.reactor.turn_until(tracked.store.reads.reached())
        others = [
            web.browse("GET /admin/ HTTP/1.1", f"Cookie: cbtid={value}")
            for value in (BOB, NOBODY, BOB)
        ]
        tracked.store.reads.open()
        tracked.reactor.turn_until(lambda: all(each.output for each in [first, *others]))
        assert len(tracked.store.loaded) == 2
        assert [each.response.status for each in others] == [200, 401, 200]

    def test_a_store_that_hangs_is_not_waited_for(self, web, tracked):
        tracked.store.reads.shut()
        browser = web.browse("GET /admin/ HTTP/1.1", f"Cookie: cbtid={ALICE}")
        tracked.reactor.turn_until(tracked.store.reads.reached())
        assert browser.output == b""
        tracked.reactor.advance(5)
        assert (browser.response.status, browser.response["retry-after"]) == (503, "5")
        tracked.store.reads.open()
        tracked.reactor.turn_until(lambda: tracked.tracker.metrics.requests["returning"])
        assert tracked.tracker.connected == 0
        assert web.inner.requests == []

    def test_who_leaves_meanwhile_leaves_nothing(self, web, tracked):
        tracked.store.reads.shut()
        browser = web.browse("GET /admin/ HTTP/1.1", f"Cookie: cbtid={ALICE}")
        browser.wire.lose()
        tracked.store.reads.open()
        tracked.reactor.turn_until(lambda: tracked.tracker.metrics.requests["returning"])
        assert tracked.tracker.connected == 0
        tracked.reactor.advance(5)
        assert web.inner.requests == []

    def test_who_is_ended_meanwhile_is_not_let_in(self, web, tracked):
        tracked.store.reads.shut()
        browser = web.browse("GET /admin/ HTTP/1.1", f"Cookie: cbtid={ALICE}")
        tracked.reactor.turn_until(tracked.store.reads.reached())
        ended = tracked.tracker.revoke([id_of(ALICE)])
        tracked.store.reads.open()
        tracked.reactor.result_of(ended)
        tracked.reactor.turn_until(lambda: browser.output)
        assert browser.response.status == 401

    def test_pipelined_requests_are_answered_one_by_one(self, web, tracked):
        browser = web.browse("GET /admin/1 HTTP/1.1", f"Cookie: cbtid={ALICE}")
        browser.send("GET /admin/2 HTTP/1.1").send("GET /admin/3 HTTP/1.1", f"Cookie: cbtid={BOB}")
        tracked.reactor.turn_until(lambda: browser.output.count(b"HTTP/1.1") == 3)
        statuses = [int(part[:3]) for part in browser.output.split(b"HTTP/1.1 ")[1:]]
        assert statuses == [200, 401, 200]
        found = [(each.uri, each.cookietrack.authid) for each in web.inner.requests]
        assert found == [(b"/admin/1", "alice"), (b"/admin/3", "bob")]


class TestPlaces:
    def test_a_guard_within_a_guard(self, make_web):
        web = make_web(allow={"realms": ["realm1"]})
        inner = Inner()
        middle = Resource()
        middle.putChild(b"top", web.guard(inner, allow={"roles": ["operator"]}))
        web.root.putChild(b"staff", web.guard(middle))
        assert web.get(ALICE, path="/staff/top/x").status == 200
        assert web.get(BOB, path="/staff/top/x").status == 403
        assert web.get(None, path="/staff/top/x").status == 401
        assert web.get(BOB, path="/staff/").status == 404
        assert inner.last.postpath == [b"x"]
        assert inner.sent(b"X-Cookietrack-Authid") == [b"alice"]

    def test_on_the_root_what_stands_beside_is_not_guarded(self, make_web, tracked):
        web = make_web()
        beside = Inner()
        guard = web.guard(web.inner)
        guard.putChild(b"open", beside)
        web.site.resource = guard
        assert web.get(None, path="/open/x").status == 200
        assert web.get(None, path="/").status == 401
        assert web.get(None, path="/other").status == 401
        assert web.get(ALICE, path="/other").status == 200
        assert web.inner.last.postpath == [b"other"]
        assert web.inner.last.prepath == []

    def test_the_service_sees_the_path_as_without_a_guard(self, web):
        web.get(ALICE, path="/admin/a/b%20c")
        assert web.inner.last.prepath == [b"admin"]
        assert web.inner.last.postpath == [b"a", b"b c"]

    def test_children_of_the_service_are_found(self, make_web):
        inner = Resource()
        inner.putChild(b"page", leaf := Inner())
        web = make_web(inner)
        assert web.get(ALICE, path="/admin/page").status == 200
        assert web.get(ALICE, path="/admin/none").status == 404
        assert web.get(None, path="/admin/none").status == 401
        assert leaf.last.prepath == [b"admin", b"page"]


class TestPaths:
    @pytest.mark.parametrize(
        "path",
        [
            "/./admin/x",
            "/%2e/admin/x",
            "/%2E%2e/admin/x",
            "/x/../admin/x",
            "/x/..;/admin/x",
            "/x/..;a=b/admin/x",
            "/x/%2e%2e;/admin/x",
            "/x/..%2fadmin/x",
            "/x/..%5cadmin/x",
            "/x/..\\admin/x",
            "/x/%252e%252e/admin/x",
            "/admin/%00",
            "/admin/..",
            "/admin/a%0d%0ab",
            "http://site.example/admin/x",
            "http:/admin/x",
            "admin/x",
        ],
    )
    def test_that_mean_something_else_to_others_lead_nowhere(self, web, path):
        everything = Inner()
        web.root.putChild(b"x", everything)
        web.root.putChild(b".", everything)
        response = web.get(ALICE, path=path)
        assert response.status == 400
        assert everything.requests == web.inner.requests == []

    @pytest.mark.parametrize(
        "path", ["//admin/x", "/Admin/x", "/admin./x", "/admin%2fx", "/admin;a/x"]
    )
    def test_that_are_others_are_not_behind_the_guard(self, web, path):
        assert web.get(ALICE, path=path).status == 404
        assert web.inner.requests == []

    @pytest.mark.parametrize(
        "path", ["/%61dmin/x", "/admin//x", "/admin/a.b/...", "/admin/a%2520b"]
    )
    def test_that_are_the_same_are_guarded(self, web, path):
        assert web.get(None, path=path).status == 401
        assert web.get(ALICE, path=path).status == 200

    def test_the_star_is_no_path(self, web):
        assert web.ask("OPTIONS * HTTP/1.1").status in (200, 405)


class TestLogout:
    @pytest.fixture
    def web(self, make_web):
        return make_web(
            logout="/logout", clear_site_data=True, denied={"redirect": "/login?next={path}"}
        )

    def post(self, web, *lines, value=ALICE):
        return web.ask(
            "POST /admin/logout HTTP/1.1",
            f"Cookie: cbtid={value}",
            "Sec-Fetch-Site: same-origin",
            "Content-Length: 0",
            *lines,
        )

    def test_ends_the_session_and_its_connections(self, web, tracked):
        _, tab = tracked.visit(id_of(ALICE))
        response = self.post(web)
        assert (response.status, response["clear-site-data"]) == (204, '"cookies"')
        assert id_of(ALICE) not in tracked.store.cookies
        tracked.reactor.turn_until(lambda: tab.reasons)
        assert tab.reasons == ["wamp.close.logout"]
        assert web.get(ALICE).status == 401
        assert web.inner.requests == []

    def test_sends_a_browser_to_where_one_logs_in(self, web):
        response = self.post(web, "Accept: text/html")
        assert (response.status, response["location"]) == (303, "/login?next=%2Fadmin")

    def test_needs_a_post_of_this_site(self, web, tracked):
        response = web.get(ALICE, path="/admin/logout")
        assert (response.status, response["allow"]) == (405, "POST")
        cross = web.ask("POST /admin/logout HTTP/1.1", f"Cookie: cbtid={ALICE}")
        assert cross.status == 403
        assert id_of(ALICE) in tracked.store.cookies
        assert tracked.tracker.connected == 0

    def test_that_cannot_be_stored_says_so(self, web, tracked, log):
        tracked.store.fail_commits()
        response = self.post(web)
        assert (response.status, response["retry-after"]) == (503, "5")
        assert web.get(ALICE).status == 401
        tracked.store.recover()

    def test_is_for_those_who_are_in(self, web):
        assert self.post(web, value="unknown").status == 401
