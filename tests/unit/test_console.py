"""The console's API, asked through a guard as its page does."""

import json

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred

from cookietrack_plugin.header import id_of
from cookietrack_plugin.record import Auth, is_id
from cookietrack_plugin.router.console import watched as watched_store
from cookietrack_plugin.router.console.body import MAX_BYTES
from cookietrack_plugin.router.console.endings import MAX_IDS
from cookietrack_plugin.router.console.history import INTERVAL_S
from cookietrack_plugin.router.console.stream import FIRST_LINES, GATHER_S, MAX_STREAMS
from cookietrack_plugin.router.console.trail import MAX_LINES, RecentTrail
from cookietrack_plugin.router.guard import request as guarded_request
from cookietrack_plugin.router.names import CookieNames
from cookietrack_plugin.testing.samples import NOW, make_auth, make_id
from tests.support.consoles import Console, events
from tests.support.guarded import ALICE, BOB, NOBODY, Inner, Web

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


@pytest.fixture(autouse=True)
def names(monkeypatch):
    monkeypatch.setattr(guarded_request, "cookie_names", CookieNames(["cbtid"]))
    monkeypatch.setattr(watched_store, "_observations", {})


@pytest.fixture
def tracked(make_tracked, make_store):
    """Everything waits for a thread that can."""
    return make_tracked(make_store(reads_block=True, commits_block=True))


@pytest.fixture
def console(tracked):
    return Console(tracked)


class TestThePage:
    @pytest.mark.parametrize(
        ("name", "content_type"),
        [
            ("", "text/html; charset=utf-8"),
            ("style.css", "text/css; charset=utf-8"),
            ("main.js", "text/javascript; charset=utf-8"),
            ("icon.svg", "image/svg+xml"),
        ],
    )
    def test_is_files_of_the_wheel_under_a_strict_policy(self, console, name, content_type):
        response = console.ask(name)
        assert (response.status, response["content-type"]) == (200, content_type)
        policy = response["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert response["x-content-type-options"] == "nosniff"
        assert response["referrer-policy"] == "no-referrer"
        assert response["cache-control"] == "private, no-cache"

    def test_has_no_script_or_style_of_its_own(self, console):
        page = console.ask("").rest.decode()
        assert page.count("<script") == 1
        assert "<style" not in page
        assert " style=" not in page
        assert " onclick=" not in page

    def test_is_not_sent_again_while_it_is_the_same(self, console):
        tag = console.ask("main.js")["etag"]
        lines = [f"Cookie: cbtid={ALICE}", f"If-None-Match: {tag}"]
        assert console.web.ask("GET /admin/main.js HTTP/1.1", *lines).status == 304

    def test_without_its_slash_is_elsewhere(self, console):
        response = console.web.ask("GET /admin HTTP/1.1", f"Cookie: cbtid={ALICE}")
        assert (response.status, response["location"]) == (308, "./admin/")

    def test_head_has_no_body(self, console):
        response = console.ask("style.css", method="HEAD")
        assert (response.status, response.rest) == (200, b"")
        assert int(response["content-length"]) > 1000

    @pytest.mark.parametrize("name", ["no.js", "page/main.js", "__init__.py", "%2e%2e%2fapi.py"])
    def test_nothing_else_is_served(self, console, name):
        assert console.ask(name).status in (400, 404)

    def test_takes_no_other_method(self, console):
        lines = [f"Cookie: cbtid={ALICE}", "Sec-Fetch-Site: same-origin"]
        response = console.web.ask("POST /admin/ HTTP/1.1", *lines)
        assert (response.status, response["allow"]) == (405, "GET")


class TestWhoGetsIn:
    @pytest.mark.parametrize(("value", "status"), [(None, 401), (NOBODY, 401), (BOB, 403)])
    @pytest.mark.parametrize("path", ["", "api/v1/me", "api/v1/sessions", "api/v1/stream"])
    def test_nobody_but_operators(self, console, value, status, path):
        assert console.ask(path, value).status == status

    def test_the_operator_reads_who_he_is(self, console):
        me = console.get("me")
        assert (me["authid"], me["authrole"], me["authrealm"]) == ("alice", "operator", "realm1")
        assert (me["id"], me["worker"]) == (id_of(ALICE), "worker001")
        assert me["store"] == "lmdb:.cookies"

    def test_without_a_guard_nobody(self, console, log):
        web = Web(console.tracked, inner=Inner())
        web.root.putChild(b"open", console.web.root.children[b"admin"].guarded)
        response = web.ask("GET /open/api/v1/me HTTP/1.1", f"Cookie: cbtid={ALICE}")
        assert response.status == 403
        assert "without a guard" in log.text()


class TestSessions:
    def test_are_listed_with_their_device_and_connections(self, console, tracked):
        tracked.store.cookies[id_of(BOB)] = evolve(
            tracked.store.cookies[id_of(BOB)], user_agent=FIREFOX, peer="tcp4:192.0.2.7:1"
        )
        page = console.get("sessions?authid=bob")
        [found] = page["sessions"]
        assert (found["id"], found["authid"], found["authrole"]) == (id_of(BOB), "bob", "user")
        assert (found["device"], found["connections"]) == ("Firefox 128 on Linux", 0)
        assert (page["cursor"], page["looked_at"]) == (None, 1)
        assert "authextra" not in found

    def test_are_found_by_the_name_of_the_device_that_is_shown(self, console, tracked):
        tracked.store.cookies[id_of(BOB)] = evolve(
            tracked.store.cookies[id_of(BOB)], user_agent=FIREFOX
        )
        for words in ("Firefox%20128%20on%20Linux", "firefox%20on%20linux", "gecko"):
            page = console.get(f"sessions?device={words}")
            assert [each["id"] for each in page["sessions"]] == [id_of(BOB)]

    @pytest.mark.parametrize("agent", ["half \ud800", " ", "\0", "x" * 5000])
    def test_are_listed_whatever_their_client_calls_itself(self, console, tracked, agent):
        tracked.store.cookies[id_of(BOB)] = evolve(
            tracked.store.cookies[id_of(BOB)], user_agent=agent
        )
        [found] = console.get("sessions?authid=bob")["sessions"]
        assert found["user_agent"] == agent
        assert found["device"] != ""

    def test_are_paged(self, console, tracked):
        for number in range(7):
            auth = make_auth("carol")
            tracked.store.cookies[make_id(number)] = evolve(
                tracked.store.cookies[id_of(BOB)], id=make_id(number), auth=auth
            )
        found, cursor = [], ""
        while cursor is not None:
            page = console.get(f"sessions?authid=carol&limit=3{cursor and '&cursor=' + cursor}")
            assert len(page["sessions"]) <= 3
            found += [each["id"] for each in page["sessions"]]
            cursor = page["cursor"]
        assert sorted(found) == [make_id(number) for number in range(7)]
        assert console.get("count?authid=carol")["sessions"] == 7

    @pytest.mark.parametrize(
        ("query", "authids"),
        [
            ("", {"alice", "bob", None}),
            ("authrole=operator", {"alice"}),
            ("authrealm=realm2", set()),
            ("anonymous=true", {None}),
            ("anonymous=false&authid=bob", {"bob"}),
            ("older=1s", set()),
            ("active=1h", {"alice", "bob", None}),
        ],
    )
    def test_are_found_by_what_is_known_of_them(self, console, query, authids):
        found = console.get(f"sessions?{query}")["sessions"]
        assert {each["authid"] for each in found} == authids
        assert console.get(f"count?{query}")["sessions"] == len(authids)

    @pytest.mark.parametrize(
        ("query", "message"),
        [
            ("role=x", "expected one of authid"),
            ("expired=true", "expected one of authid"),
            ("limit=0", "limit: expected an integer from 1 to 500"),
            ("limit=501", "limit: expected an integer from 1 to 500"),
            ("limit=a", "limit: expected an integer from 1 to 500"),
            ("peer=x", "peer: expected an address"),
            ("older=1", "older: expected a number with s"),
            ("anonymous=1", "anonymous: expected true or false"),
            ("authid=a&authid=b", "expected each field of the query once"),
            ("authid=%ff", "expected a query of a few fields in UTF-8"),
        ],
    )
    def test_what_is_asked_in_a_wrong_way_is_said(self, console, query, message):
        answer = console.get(f"sessions?{query}", 400)
        assert message in answer["error"]

    def test_a_cursor_of_another_store_is_refused(self, console, tracked, monkeypatch):
        def page(*_):
            raise ValueError("no cursor")

        monkeypatch.setattr(tracked.store, "page", page)
        assert "cursor: expected" in console.get("sessions?cursor=00", 400)["error"]

    def test_one_of_them(self, console):
        assert console.get(f"sessions/{id_of(BOB)}")["authid"] == "bob"
        assert "no such session" in console.get(f"sessions/{make_id(1)}", 404)["error"]
        # It may be a cookie's value: it is not repeated.
        assert BOB not in console.get(f"sessions/{BOB}", 404)["error"]
        assert "secret" not in console.get("sessions/secret", 400)["error"]

    def test_a_store_that_fails_is_said_without_its_words(self, console, tracked, log):
        console.stores.is_open = False
        response = console.ask("api/v1/sessions")
        assert (response.status, response["retry-after"]) == (503, "5")
        assert json.loads(response.rest) == {"error": "the cookie store cannot answer now"}


class TestConnections:
    def test_are_those_of_this_worker(self, console, tracked):
        id, _ = tracked.enter("carol")
        answer = console.get("connections")
        assert (answer["total"], answer["exclusive"]) == (2, False)
        by_kind = {each["kind"]: each for each in answer["connections"]}
        assert by_kind["request"]["authid"] == "alice", "the one that asks"
        assert (by_kind["websocket"]["authid"], by_kind["websocket"]["id"]) == ("carol", id)
        assert by_kind["websocket"]["joined"] == NOW
        [only] = console.get("connections?authid=carol&authrealm=realm1")["connections"]
        assert only["id"] == id
        assert "expected one of" in console.get("connections?x=1", 400)["error"]


class TestEnding:
    def test_one(self, console, tracked):
        id, link = tracked.enter("carol")
        assert console.post("end", {"ids": [id]}) == {
            "stored": True,
            "cookies": 1,
            "connections": 1,
        }
        assert link.ended
        assert tracked.stored_authid(id) is None

    def test_a_thousand_that_were_selected(self, console, tracked):
        ids = [make_id(number) for number in range(MAX_IDS)]
        for id in ids:
            tracked.store.cookies[id] = evolve(tracked.store.cookies[id_of(BOB)], id=id)
        assert console.post("end", {"ids": ids})["cookies"] == MAX_IDS
        assert not set(ids) & set(tracked.store.cookies)

    def test_a_user(self, console, tracked):
        (first, one), (second, other) = tracked.enter("carol"), tracked.enter("carol")
        _, stranger = tracked.enter("dora")
        user = {"authid": "carol", "authrealm": "realm1"}
        answer = console.post("end", {"user": user, "keep": [second]})
        assert (answer["cookies"], answer["connections"]) == (1, 1)
        assert (one.ended, other.ended, stranger.ended) == (True, False, False)
        assert tracked.stored_authid(first) is None

    def test_everybody_but_the_operator(self, console, tracked):
        _, link = tracked.enter("carol")
        console.post("end", {"everybody": True, "keep": [id_of(ALICE)]})
        assert link.ended
        assert set(tracked.store.cookies) == {id_of(ALICE)}

    def test_his_own_puts_the_operator_out(self, console):
        body = json.dumps({"ids": [id_of(ALICE)]})
        browser = console.web.browse(
            "POST /admin/api/v1/end HTTP/1.1",
            f"Cookie: cbtid={ALICE}",
            "Content-Type: application/json",
            "Sec-Fetch-Site: same-origin",
            f"Content-Length: {len(body)}",
            body=body.encode(),
        )
        wire = browser.wire
        console.tracked.reactor.turn_until(lambda: wire.aborted, "the connection is cut")
        wire.lose()
        console.tracked.reactor.turn_until(
            lambda: id_of(ALICE) not in console.tracked.store.cookies
        )
        assert console.ask("api/v1/me").status == 401

    def test_is_audited_with_the_operators_name(self, console, tracked):
        id, _ = tracked.enter("carol")
        watching = console.watch()
        console.post("end", {"ids": [id]})
        tracked.reactor.advance(GATHER_S)
        line = [data for kind, data in events(watching) if kind == "audit"][-1]
        assert (line["event"], line["id"], line["authid"]) == ("revoked", id, "carol")
        assert (line["by"], line["by_authid"], line["by_authrealm"]) == (
            "operator",
            "alice",
            "realm1",
        )

    def test_that_it_is_not_stored_yet_is_said(self, console, tracked):
        id, link = tracked.enter("carol")
        tracked.store.fail_commits()
        answer = console.post("end", {"ids": [id]}, 202)
        assert answer["stored"] is False
        assert link.ended
        tracked.store.recover()

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"ids": []},
            {"ids": [1]},
            {"ids": "x"},
            {"ids": ["x"]},
            {"ids": [make_id(number) for number in range(MAX_IDS + 1)]},
            {"ids": [make_id(1)], "everybody": True},
            {"ids": [id_of(BOB)], "keep": [id_of(BOB)]},
            {"n" * 100_000: True},
            {"everybody": False},
            {"everybody": 1},
            {"user": "alice"},
            {"user": {}},
            {"user": {"authid": ""}},
            {"user": {"authid": "a", "realm": "b"}},
            {"user": {"authid": "a"}, "keep": ["x"]},
            {"everybody": True, "keep": [make_id(number) for number in range(17)]},
            {"everybody": True, "all": True},
            [],
            "text",
        ],
    )
    def test_what_is_asked_in_a_wrong_way_ends_nothing(self, console, tracked, body):
        before = dict(tracked.store.cookies)
        error = console.post("end", body, 400)["error"]
        assert "expected" in error
        assert len(error) < 200, "what was sent is not sent back"
        assert tracked.store.cookies == before

    @pytest.mark.parametrize(
        ("lines", "status"),
        [
            (["Content-Type: application/json"], 403),
            (["Content-Type: application/json", "Sec-Fetch-Site: cross-site"], 403),
            (["Content-Type: application/json", "Origin: https://evil.example"], 403),
            (["Content-Type: text/plain", "Sec-Fetch-Site: same-origin"], 415),
            (["Sec-Fetch-Site: same-origin"], 415),
            (["Content-Type: application/json; charset=utf-8", "Sec-Fetch-Site: same-origin"], 200),
        ],
    )
    def test_pages_of_other_sites_and_forms_end_nothing(self, console, lines, status):
        body = json.dumps({"ids": [id_of(BOB)]}).encode()
        assert console.send("end", body, *lines).status == status
        assert (id_of(BOB) in console.tracked.store.cookies) == (status != 200)

    @pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000])
    def test_what_is_no_json_is_refused(self, console, body):
        assert console.send("end", body).status == 400

    def test_a_body_has_a_bound(self, console):
        assert console.send("end", b" " * (MAX_BYTES + 1)).status == 413

    def test_get_ends_nothing(self, console):
        response = console.ask("api/v1/end")
        assert (response.status, response["allow"]) == (405, "POST")

    @pytest.mark.parametrize("path", ["api", "api/v1", "api/v2/me", "api/v1/no", "api/v1/me/x"])
    def test_what_is_not_there_is_not_found(self, console, path):
        assert console.ask(path).status == 404


class TestNumbers:
    def test_are_those_of_the_metrics(self, console, tracked):
        tracked.enter("carol")
        numbers = console.get("numbers")
        assert numbers["events"]["authenticated"] == 1
        assert numbers["handshakes"] == {"new": 1}
        assert numbers["commit"]["count"] == sum(tracked.tracker.metrics.commit_seconds.counts)
        assert (numbers["connections"], numbers["connected_logins"]) == (2, 2)
        assert (numbers["health"]["status"], numbers["health"]["cause"]) == ("ok", None)

    def test_have_a_history(self, console, tracked):
        console.get("me")
        tracked.enter("carol")
        tracked.reactor.advance(INTERVAL_S)
        tracked.enter("dora")
        tracked.enter("emma")
        tracked.reactor.advance(INTERVAL_S)
        numbers = console.get("numbers")
        points = numbers["points"]
        assert numbers["interval"] == INTERVAL_S
        assert [each["logins"] for each in points] == [1, 2]
        assert [each["handshakes"] for each in points] == [1, 2]
        assert [each["connections"] for each in points] == [1, 3]
        assert points[-1]["seconds"] == INTERVAL_S

    def test_say_why_the_store_cannot_be_relied_on(self, console):
        console.stores.cause = "the disk is away"
        assert console.get("health")["cause"] == "the disk is away"
        assert console.get("health")["status"] == "unavailable"

    def test_the_warnings_are_those_of_the_node(self, console, monkeypatch):
        assert console.get("warnings") == {"warnings": []}
        monkeypatch.setenv("COOKIETRACK_WARNINGS", json.dumps(["it is not safe"]))
        assert console.get("warnings") == {"warnings": ["it is not safe"]}


class TestWatching:
    def test_begins_with_what_there_is(self, console, tracked):
        tracked.enter("carol")
        browser = console.watch("?connections=1")
        for kind in (b"numbers", b"connections"):
            tracked.reactor.turn_until(lambda kind=kind: b"event: " + kind in browser.output)
        assert browser.response["content-type"] == "text/event-stream"
        found = events(browser)
        assert {kind for kind, _ in found} == {"begin", "audit", "numbers", "connections"}
        assert found[0][1]["instance"] == console.get("me")["instance"]
        lines = [data["event"] for kind, data in found if kind == "audit"]
        assert lines == ["created", "authenticated"]

    def test_goes_on_as_things_happen(self, console, tracked):
        browser = console.watch()
        before = len(events(browser))
        tracked.enter("carol")
        tracked.reactor.advance(GATHER_S)
        found = events(browser)[before:]
        assert [data["authid"] for kind, data in found if kind == "audit"][-1] == "carol"
        tracked.reactor.advance(INTERVAL_S)

        def points():
            kind, data = events(browser)[-1]
            return data["points"] if kind == "numbers" else []

        tracked.reactor.turn_until(points)
        assert points()[0]["logins"] == 1

    def test_goes_on_where_it_was(self, console, tracked):
        instance = console.get("me")["instance"]
        tracked.enter("carol")
        browser = console.watch("", f"Last-Event-ID: {instance}-1")
        assert [data["event"] for kind, data in events(browser) if kind == "audit"] == [
            "authenticated"
        ]
        for wrong in (f"{instance}-x", "other-1", "", f"{instance}-999999"):
            browser = console.watch("", f"Last-Event-ID: {wrong}")
            assert browser.response.status == 200

    def test_the_first_lines_are_the_latest(self, console):
        trail = console.watched.observation().trail
        for number in range(FIRST_LINES + 5):
            trail.write(json.dumps({"number": number}))
        found = [data for kind, data in events(console.watch()) if kind == "audit"]
        assert [each["number"] for each in found] == list(range(5, FIRST_LINES + 5))

    def test_who_reads_too_slowly_misses_lines_and_is_told(self, console, tracked):
        browser = console.watch()
        producer = browser.wire.producer
        producer.pauseProducing()
        before = len(browser.output)
        trail = console.watched.observation().trail
        for number in range(MAX_LINES + 7):
            trail.write(json.dumps({"number": number}))
        tracked.reactor.advance(INTERVAL_S)
        tracked.reactor.turn()
        assert len(browser.output) == before, "nothing is kept for it"
        producer.resumeProducing()
        tracked.reactor.advance(GATHER_S)
        found = events(browser)
        assert ("lost", {"lines": 7}) in found
        assert [data for kind, data in found if kind == "audit"][-1]["number"] == MAX_LINES + 6

    def test_ends_with_the_session(self, console, tracked):
        browser = console.watch()
        tracked.reactor.result_of(tracked.tracker.revoke([id_of(ALICE)]))
        assert browser.wire.aborted

    def test_has_a_bound_and_who_leaves_makes_room(self, console):
        watching = [console.watch() for _ in range(MAX_STREAMS)]
        late = console.watch()
        assert (late.response.status, late.response["retry-after"]) == (503, "5")
        watching[0].wire.lose()
        assert console.watch().response.status == 200

    def test_who_is_connected_is_looked_at_once_for_all(self, console, tracked, monkeypatch):
        looks = []
        look = tracked.tracker.connections_with
        monkeypatch.setattr(
            tracked.tracker, "connections_with", lambda *user: looks.append(1) or look(*user)
        )
        watching = [console.watch("?connections=1") for _ in range(3)]
        for browser in watching:
            tracked.reactor.turn_until(lambda b=browser: b"event: connections" in b.output)
            browser.wire.clear()
        tracked.enter("carol")
        looks.clear()
        tracked.reactor.advance(INTERVAL_S)
        for browser in watching:
            tracked.reactor.turn_until(lambda b=browser: b"event: connections" in b.output)
        assert len(looks) == 1

    def test_takes_no_other_query(self, console):
        assert console.watch("?x=1").response.status == 400

    @pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
    def test_takes_no_other_method(self, console, method):
        response = console.ask("api/v1/stream", method=method)
        assert (response.status, response["allow"]) == (405, "GET")

    def test_who_reads_again_learns_who_is_connected(self, console, tracked, monkeypatch):
        browser = console.watch("?connections=1")
        tracked.reactor.turn_until(lambda: b"event: connections" in browser.output)
        browser.wire.clear()
        tracked.enter("carol")
        thread = Deferred()
        with monkeypatch.context() as patch:
            patch.setattr(
                console.watched, "off_reactor", lambda call: thread.addCallback(lambda _: call())
            )
            tracked.reactor.advance(INTERVAL_S)
        browser.wire.producer.pauseProducing()
        thread.callback(None)
        browser.wire.producer.resumeProducing()
        tracked.reactor.advance(INTERVAL_S)
        tracked.reactor.turn_until(lambda: b"event: connections" in browser.output)


def test_a_trail_remembers_the_latest_lines():
    trail = RecentTrail()
    for number in range(MAX_LINES + 2):
        trail.write(str(number))
    lost, lines = trail.after(0)
    assert (lost, len(lines), lines[0], lines[-1]) == (2, MAX_LINES, "2", str(MAX_LINES + 1))
    assert trail.after(trail.position) == (0, [])
    assert trail.after(trail.position + 5) == (0, [])


def test_ids_alone_are_shown(console, tracked):
    assert all(is_id(each["id"]) for each in console.get("sessions")["sessions"])
    everything = b"".join(
        console.ask(f"api/v1/{path}").rest for path in ("me", "sessions", "connections", "numbers")
    )
    assert ALICE.encode() not in everything
    assert BOB.encode() not in everything


def test_an_authextra_is_not_shown(console, tracked):
    console.web.log_in(BOB, Auth("bob", "user", "ticket", "realm1", {"token": "t0ken"}))
    assert b"t0ken" not in console.ask("api/v1/sessions").rest
