"""What passes the door of a connection: ids instead of values, and everything else."""

import re

import pytest
from autobahn.websocket.protocol import parseHttpHeader
from hypothesis import given
from hypothesis import strategies as st

from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.header import id_of
from cookietrack_plugin.router.door import END_OF_HEAD, Door

VALUE = "Wd3sTn0rQ8vYk2mXz5uB7hJp"
ID = id_of(VALUE)


def door(**item: object) -> Door:
    return Door(CookieSettings.of(item))


def head(*fields: str | bytes) -> bytes:
    lines = [field.encode() if isinstance(field, str) else field for field in fields]
    return b"\r\n".join([b"GET /ws HTTP/1.1", b"Host: localhost", *lines]) + END_OF_HEAD


def headers(data: bytes) -> dict[str, str]:
    """The headers as Autobahn is going to see them."""
    return parseHttpHeader(data)[1]


class TestARequest:
    def test_carries_the_id_in_the_place_of_the_value(self):
        mine = door()
        entered = mine.enter(head(f"Cookie: a=1; cbtid={VALUE}; b=2"))
        assert entered == head(f"Cookie: a=1; cbtid={ID}; b=2")
        assert mine.presented == ID

    def test_is_left_alone_until_its_head_is_complete(self):
        mine = door()
        whole = head(f"Cookie: cbtid={VALUE}")
        for end in range(len(whole)):
            assert mine.enter(whole[:end]) == whole[:end]
        assert mine.presented is None
        assert mine.enter(whole) == head(f"Cookie: cbtid={ID}")

    def test_keeps_the_bytes_behind_its_head(self):
        rest = b"\x81\x85 cbtid=" + VALUE.encode() + b"\r\n\r\n\x00\xff"
        assert door().enter(head("A: b") + rest) == head("A: b") + rest

    def test_without_a_cookie_presents_nothing(self):
        mine = door()
        assert mine.enter(head("Cookie: a=1")) == head("Cookie: a=1")
        assert mine.enter(head()) == head()
        assert mine.presented is None

    def test_with_the_configured_name(self):
        mine = door(name="sid")
        entered = mine.enter(head(f"Cookie: cbtid=1; sid={VALUE}"))
        assert entered == head(f"Cookie: cbtid=1; sid={ID}")

    def test_that_presents_two_values_presents_none_and_shows_neither(self):
        mine = door()
        entered = mine.enter(head(f"Cookie: cbtid={VALUE}; cbtid=other"))
        assert entered == head("Cookie: cbtid=; cbtid=")
        assert mine.presented is None

    @pytest.mark.parametrize("name", ["Cookie", "cookie", "COOKIE", " Cookie ", "Cookie\t"])
    def test_has_its_cookie_hidden_however_the_header_is_written(self, name):
        mine = door()
        entered = mine.enter(head(f"{name}:cbtid={VALUE}"))
        assert headers(entered)["cookie"] == f"cbtid={ID}"
        assert mine.presented == ID

    def test_ends_where_it_ended(self):
        # Autobahn passes over an empty line, as long as it does not end in CR LF.
        entered = door().enter(head("A: b\n\nC: d", b"\x85", "E: f", "Cookie: g=h") + b"rest")
        assert entered == head("A: b", "C: d", "E: f", "Cookie: g=h") + b"rest"

    def test_in_which_there_is_no_cookie_is_left_alone(self):
        request = head("A: b\n\nC: d", b"\x85", "E: f") + b"rest"
        assert door().enter(request) is request

    def test_that_is_empty_passes(self):
        assert door().enter(END_OF_HEAD) == END_OF_HEAD


class TestTwoCookieHeaders:
    def test_are_read_as_one(self):
        mine = door()
        entered = mine.enter(head("Cookie: a=1", f"Cookie: cbtid={VALUE}"))
        assert entered == head("Cookie: a=1", f"Cookie: cbtid={ID}")
        assert mine.presented == ID

    def test_with_the_same_value_present_it(self):
        mine = door()
        mine.enter(head(f"Cookie: cbtid={VALUE}", f"Cookie: cbtid={VALUE}; a=1"))
        assert mine.presented == ID

    def test_with_two_values_present_none(self):
        mine = door()
        entered = mine.enter(head(f"Cookie: cbtid={VALUE}; a=1", "Cookie: b=2; cbtid=other"))
        assert entered == head("Cookie: cbtid=; a=1", "Cookie: b=2; cbtid=")
        assert mine.presented is None

    def test_that_were_joined_on_the_way_hide_every_value(self):
        # autobahn.twisted.resource joins the headers of a request with commas.
        entered = door().enter(head(f"Cookie: a=1,cbtid={VALUE}, cbtid={VALUE}"))
        assert VALUE.encode() not in entered


class TestACookieHeaderThatIsFolded:
    """RFC 9112, section 5.2: a line that begins with a blank goes on with the one before."""

    @pytest.mark.parametrize("lines", [f"a=1;\r\n\tcbtid={VALUE}", f"a=1; cbtid=\r\n {VALUE}; b=2"])
    def test_is_read_as_one_line(self, lines):
        mine = door()
        entered = mine.enter(head(f"Cookie: {lines}", "A: b"))
        assert mine.presented == ID
        assert VALUE.encode() not in entered
        assert set(headers(entered)) == {"host", "cookie", "a"}

    def test_ends_where_a_cookie_header_follows_with_a_blank_before_its_name(self):
        mine = door()
        entered = mine.enter(
            head("Cookie: a=1", f" Cookie: cbtid={VALUE}", f" Set-Cookie: x={VALUE}")
        )
        assert mine.presented == ID
        assert VALUE.encode() not in entered


class TestASetCookieInARequest:
    @pytest.mark.parametrize("name", ["Set-Cookie", "set-cookie", "SET-COOKIE ", "\tSet-Cookie"])
    def test_is_dropped_as_crossbar_would_take_it_for_a_login(self, name):
        entered = door().enter(head("A: b", f"{name}: cbtid={ID}", "C: d"))
        assert entered == head("A: b", "C: d")

    @pytest.mark.parametrize("end", ["\n", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85"])
    def test_is_dropped_behind_everything_that_autobahn_takes_for_a_line_end(self, end):
        smuggled = f"A: b{end}Set-Cookie: cbtid={ID}".encode("latin-1")
        assert headers(head(smuggled))["set-cookie"]
        assert headers(door().enter(head(smuggled))) == {"host": "localhost", "a": "b"}

    def test_leaves_headers_whose_names_are_longer(self):
        lines = head("Set-Cookie2: a", "X-Set-Cookie: b")
        assert door().enter(lines) == lines

    def test_in_the_place_of_the_request_line_does_not_make_the_next_line_one(self):
        entered = door().enter(b"Set-Cookie: a\r\nGET / HTTP/1.1" + END_OF_HEAD)
        assert parseHttpHeader(entered)[0] == "Set-Cookie: a"


@pytest.mark.parametrize("name", ["Åse", "x\x0by", "a\u2005b"])
def test_a_neighbour_whose_bytes_autobahn_takes_for_a_line_end_does_not_hide_our_cookie(name):
    cookie = f"Cookie: name={name}; cbtid={VALUE}; u=http://example.com".encode()
    mine = door()
    entered = mine.enter(head(cookie))
    assert mine.presented == ID
    assert VALUE.encode() not in entered
    assert set(headers(entered)) == {"host", "cookie"}
    assert f"cbtid={ID}; u=http://example.com" in headers(entered)["cookie"]


HTTP_ENDS = st.sampled_from(["\r\n", "\n", "\r"])
AUTOBAHNS_ENDS = st.sampled_from(["\r\n", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x1e", "\x85"])
TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
OUR_COOKIE = st.builds(
    "{}cbtid{}={}{}".format,
    *[st.sampled_from(["", " ", "\t"])] * 3,
    st.sampled_from([VALUE, f'"{VALUE}"', f"{VALUE}, x", f"{VALUE} {VALUE}", ""]),
)
OTHER_COOKIE = st.builds("{}={}".format, st.sampled_from(["a", "xcbtid", "cbtid2"]), TEXT) | TEXT
COOKIES = st.lists(OUR_COOKIE | OTHER_COOKIE, max_size=5).map("; ".join)


def fields(names, texts):
    return st.builds("{}:{}".format, st.sampled_from(names), texts)


# Lines with their ends. A Cookie header ends as HTTP says; see above for one that does not.
LINES = st.one_of(
    st.tuples(fields(["Cookie", "cookie", "COOKIE "], COOKIES), HTTP_ENDS),
    st.tuples(fields(["Set-Cookie", "set-cookie "], TEXT), AUTOBAHNS_ENDS),
    st.tuples(fields(["Host", "Cookie2", "X-A", "", " ", "cookies"], TEXT), AUTOBAHNS_ENDS),
    st.tuples(TEXT, AUTOBAHNS_ENDS),
)
HEADS = st.lists(LINES.map("".join), max_size=8).map(
    lambda lines: "".join(["GET / HTTP/1.1\r\n", *lines]).encode("latin-1") + END_OF_HEAD
)

# Autobahn takes the second line of a folded header for one of its own, or for nothing.
FOLDED = re.compile(rb"cookie *:[^\r\n]*[\r\n]+[ \t]", re.IGNORECASE)


class TestAnyRequest:
    @given(HEADS)
    def test_never_carries_the_value_past_the_door(self, data):
        entered, _, rest = door().enter(data).partition(END_OF_HEAD)
        assert VALUE.encode() not in entered
        assert data.endswith(END_OF_HEAD + rest)

    @given(HEADS.filter(lambda data: not FOLDED.search(data)))
    def test_means_the_same_to_autobahn_but_for_set_cookie_and_our_cookie(self, data):
        def meaning(data):
            head, end, rest = data.partition(END_OF_HEAD)
            status, texts, counts = parseHttpHeader(head + end)
            others = re.sub(r"(^|[;,])\s*cbtid\s*=[^;]*", "", texts.pop("cookie", ""))
            return status, texts, counts, others, rest

        status, texts, counts, others, rest = meaning(data)
        texts.pop("set-cookie", None)
        counts.pop("set-cookie", None)
        assert meaning(door().enter(data)) == (status, texts, counts, others, rest)

    @given(st.text(st.characters(max_codepoint=0xFF)).map(lambda text: text.encode("latin-1")))
    def test_never_makes_the_door_fail(self, data):
        entered = door().enter(data + END_OF_HEAD)
        assert "set-cookie" not in headers(entered)
        assert door().enter(entered) == entered


class TestAResponse:
    RESPONSE = b"HTTP/1.1 101 Switching Protocols\r\n%s\r\nUpgrade: WebSocket" + END_OF_HEAD

    def test_to_a_fresh_cookie_carries_its_value_which_nothing_before_has_seen(self):
        mine = door(max_age=60, secure=True, http_strict=True, same_site="Lax")
        issued = mine.issue()
        rendered = mine.set_cookie(60)
        assert rendered.startswith(f"cbtid={issued}; ")
        for attribute in ("Max-Age=60", "Secure", "HttpOnly", "SameSite=Lax"):
            assert attribute in rendered.split("; ")
        left = mine.leave(self.RESPONSE % f"Set-Cookie: {rendered}".encode())
        value = re.search(b"cbtid=([^;]+)", left)[1].decode()
        assert id_of(value) == issued
        assert issued.encode() not in left

    def test_is_changed_once(self):
        mine = door()
        cookie = f"cbtid={mine.issue()}".encode()
        mine.set_cookie(60)
        twice = cookie + b" " + cookie
        left = mine.leave(twice)
        assert left.count(cookie) == 1
        assert left.endswith(cookie)
        assert mine.leave(twice) == twice

    def test_without_a_fresh_cookie_is_left_alone(self):
        mine = door()
        mine.enter(head(f"Cookie: cbtid={VALUE}"))
        assert mine.leave(f"cbtid={ID}".encode()) == f"cbtid={ID}".encode()

    def test_has_a_value_of_the_configured_length(self):
        mine = door(length=64)
        issued = mine.issue()
        mine.set_cookie(60)
        left = mine.leave(f"cbtid={issued}".encode())
        assert len(left) == len("cbtid=") + 64

    def test_carries_the_latest_value_where_the_first_collided(self):
        mine = door()
        first, second = mine.issue(), mine.issue()
        assert first != second
        assert mine.set_cookie(60).startswith(f"cbtid={second};")

    def test_to_a_cookie_that_lives_on_carries_its_value_again(self):
        mine = door()
        mine.enter(head(f"Cookie: cbtid={VALUE}"))
        assert mine.set_cookie(60).startswith(f"cbtid={ID}; Max-Age=60")
        assert mine.leave(f"cbtid={ID}".encode()) == f"cbtid={VALUE}".encode()
