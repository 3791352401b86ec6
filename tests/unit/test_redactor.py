"""Heads of handshakes: ids instead of values, and everything else as it was."""

import re

import pytest
from autobahn.websocket.protocol import parseHttpHeader
from hypothesis import given
from hypothesis import strategies as st

from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.header import id_of
from cookietrack_plugin.router.head import END_OF_HEAD, HEAD_LINES, HeadTooLarge, MalformedHead
from cookietrack_plugin.router.redactor import HandshakeRedactor, redact_response

VALUE = "Wd3sTn0rQ8vYk2mXz5uB7hJp"
ID = id_of(VALUE)
OTHER = id_of("other")


NAMES = frozenset({"cbtid", "sid"})


def redactor(**item: object) -> HandshakeRedactor:
    return HandshakeRedactor(CookieSettings.of(item), NAMES)


def head(*fields: str | bytes) -> bytes:
    lines = [field.encode() if isinstance(field, str) else field for field in fields]
    return b"\r\n".join([b"GET /ws HTTP/1.1", b"Host: localhost", *lines]) + END_OF_HEAD


def headers(data: bytes) -> dict[str, str]:
    """The headers as Autobahn is going to see them."""
    return parseHttpHeader(data)[1]


class TestARequest:
    def test_carries_the_id_in_the_place_of_the_value(self):
        mine = redactor()
        entered = mine.redact_request(head(f"Cookie: a=1; cbtid={VALUE}; b=2"))
        assert entered == head(f"Cookie: a=1; cbtid={ID}; b=2")
        assert mine.presented == [ID]

    def test_without_a_cookie_presents_nothing(self):
        mine = redactor()
        assert mine.redact_request(head("Cookie: a=1")) == head("Cookie: a=1")
        assert mine.redact_request(head()) == head()
        assert mine.presented == []

    @pytest.mark.parametrize("name", ["sid", "mine"])
    def test_presents_what_has_the_configured_name_and_shows_nothing_of_the_others(self, name):
        mine = redactor(name=name)
        entered = mine.redact_request(head(f"Cookie: cbtid=other; {name}={VALUE}"))
        assert entered == head(f"Cookie: cbtid={OTHER}; {name}={ID}")
        assert mine.presented == [ID]

    def test_presents_nothing_to_a_listener_without_a_cookie_and_shows_nothing_either(self):
        bare = HandshakeRedactor(None, NAMES)
        entered = bare.redact_request(head(f"Cookie: a=1; cbtid={VALUE}; sid=other"))
        assert entered == head(f"Cookie: a=1; cbtid={ID}; sid={OTHER}")
        assert bare.presented == []

    def test_that_presents_two_values_presents_both_and_shows_neither(self):
        mine = redactor()
        entered = mine.redact_request(head(f"Cookie: cbtid={VALUE}; cbtid=other"))
        assert entered == head(f"Cookie: cbtid={ID}; cbtid={OTHER}")
        assert mine.presented == [ID, OTHER]

    def test_that_presents_five_values_presents_none_and_shows_none(self):
        mine = redactor()
        cookies = "; ".join(f"cbtid={VALUE}{number}" for number in range(5))
        assert VALUE.encode() not in mine.redact_request(head(f"Cookie: {cookies}"))
        assert mine.presented == []

    @pytest.mark.parametrize("field", ["a:", "Cookie: a=1", f"Cookie: cbtid={VALUE}"])
    def test_has_a_bounded_number_of_lines(self, field):
        most = head(*[field] * (HEAD_LINES - 1))
        assert headers(redactor().redact_request(most)).keys() == headers(most).keys()
        with pytest.raises(HeadTooLarge):
            redactor().redact_request(head(*[field] * HEAD_LINES))

    @pytest.mark.parametrize("name", ["Cookie", "Set-Cookie"])
    def test_that_begins_with_a_cookie_shows_nothing_as_autobahn_logs_its_first_line(self, name):
        entered = redactor().redact_request(f"{name}: cbtid={VALUE}".encode() + END_OF_HEAD)
        assert parseHttpHeader(entered)[0] == f"{name}: cbtid={ID}"

    @pytest.mark.parametrize("name", ["Cookie", "cookie", "COOKIE"])
    def test_has_its_cookie_hidden_however_the_header_is_written(self, name):
        mine = redactor()
        entered = mine.redact_request(head(f"{name}:cbtid={VALUE}"))
        assert headers(entered)["cookie"] == f"cbtid={ID}"
        assert mine.presented == [ID]

    def test_in_which_there_is_no_cookie_is_left_alone(self):
        request = head("A: b", "C:")
        assert redactor().redact_request(request) is request

    @pytest.mark.parametrize("end", ["\n", "\r", "\r\n ", "\r\n\t", "\x0b", "\x1e"])
    @pytest.mark.parametrize("name", ["Cookie", "Set-Cookie", "X-Forwarded-For"])
    def test_that_proxies_and_servers_would_split_differently_is_refused(self, name, end):
        smuggled = head(f"A: b{end}{name}: cbtid={VALUE}")
        with pytest.raises(MalformedHead):
            redactor().redact_request(smuggled)

    def test_that_is_empty_passes(self):
        assert redactor().redact_request(END_OF_HEAD) == END_OF_HEAD


class TestTwoCookieHeaders:
    def test_are_read_as_one(self):
        mine = redactor()
        entered = mine.redact_request(head("Cookie: a=1", f"Cookie: cbtid={VALUE}"))
        assert entered == head("Cookie: a=1", f"Cookie: cbtid={ID}")
        assert mine.presented == [ID]

    def test_with_the_same_value_present_it(self):
        mine = redactor()
        mine.redact_request(head(f"Cookie: cbtid={VALUE}", f"Cookie: cbtid={VALUE}; a=1"))
        assert mine.presented == [ID]

    def test_with_two_values_present_both(self):
        mine = redactor()
        entered = mine.redact_request(
            head(f"Cookie: cbtid={VALUE}; a=1", "Cookie: b=2; cbtid=other")
        )
        assert entered == head(f"Cookie: cbtid={ID}; a=1", f"Cookie: b=2; cbtid={OTHER}")
        assert mine.presented == [ID, OTHER]

    def test_that_were_joined_on_the_way_hide_every_value(self):
        # Autobahn's own resource joins the headers of a request with commas.
        entered = redactor().redact_request(head(f"Cookie: a=1,cbtid={VALUE}, cbtid={VALUE}"))
        assert VALUE.encode() not in entered


class TestASetCookieInARequest:
    @pytest.mark.parametrize("name", ["Set-Cookie", "set-cookie", "SET-COOKIE"])
    def test_is_dropped_as_crossbar_would_take_it_for_a_login(self, name):
        entered = redactor().redact_request(head("A: b", f"{name}: cbtid={ID}", "C: d"))
        assert entered == head("A: b", "C: d")

    def test_is_none_behind_a_byte_at_which_autobahn_once_ended_lines(self):
        smuggled = f"A: b\x85Set-Cookie: cbtid={ID}".encode("latin-1")
        assert headers(redactor().redact_request(head(smuggled))).keys() == {"host", "a"}

    def test_leaves_headers_whose_names_are_longer(self):
        lines = head("Set-Cookie2: a", "X-Set-Cookie: b")
        assert redactor().redact_request(lines) == lines

    def test_in_the_place_of_the_request_line_does_not_make_the_next_line_one(self):
        entered = redactor().redact_request(b"Set-Cookie: a\r\nGET: / HTTP/1.1" + END_OF_HEAD)
        assert parseHttpHeader(entered)[0] == "Set-Cookie: a"


@pytest.mark.parametrize("name", ["Åse", "a\u2005b"])
def test_a_neighbour_in_whose_bytes_autobahn_once_ended_lines_does_not_hide_our_cookie(name):
    cookie = f"Cookie: name={name}; cbtid={VALUE}; u=http://example.com".encode()
    mine = redactor()
    entered = mine.redact_request(head(cookie))
    assert mine.presented == [ID]
    assert VALUE.encode() not in entered
    assert set(headers(entered)) == {"host", "cookie"}
    assert f"cbtid={ID}; u=http://example.com" in headers(entered)["cookie"]


TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
BLANKS = st.sampled_from(["", " ", "\t"])
OUR_COOKIE = st.builds(
    "{}{}{}={}{}".format,
    BLANKS,
    st.sampled_from(sorted(NAMES)),
    BLANKS,
    BLANKS,
    st.sampled_from([VALUE, f'"{VALUE}"', f"{VALUE}, x", f"{VALUE} {VALUE}", ""]),
)
OTHER_COOKIE = st.builds("{}={}".format, st.sampled_from(["a", "xcbtid", "cbtid2"]), TEXT) | TEXT
COOKIES = st.lists(OUR_COOKIE | OTHER_COOKIE, max_size=5).map("; ".join)


def fields(names, texts):
    return st.builds("{}:{}".format, st.sampled_from(names), texts)


LINES = st.one_of(
    fields(["Cookie", "cookie", "COOKIE"], COOKIES),
    fields(["Set-Cookie", "set-cookie"], TEXT),
    fields(["Host", "Cookie2", "X-A", "cookies"], TEXT),
)
HEADS = st.lists(LINES, max_size=8).map(
    lambda lines: "\r\n".join(["GET / HTTP/1.1", *lines]).encode() + END_OF_HEAD
)


class TestAnyRequest:
    @given(HEADS)
    def test_never_shows_a_value(self, data):
        for mine in (redactor(), redactor(name="mine"), HandshakeRedactor(None, NAMES)):
            entered = mine.redact_request(data)
            assert VALUE.encode() not in entered
            assert entered.endswith(END_OF_HEAD)

    @given(HEADS)
    def test_means_the_same_to_autobahn_but_for_set_cookie_and_our_cookie(self, data):
        def meaning(data):
            status, texts, counts = parseHttpHeader(data)
            ours = r"(?a)(?<![\w-])(cbtid|sid)\s*=[^;]*"
            others = re.sub(ours, "", texts.pop("cookie", ""))
            return status, texts, counts, others

        status, texts, counts, others = meaning(data)
        texts.pop("set-cookie", None)
        counts.pop("set-cookie", None)
        assert meaning(redactor().redact_request(data)) == (status, texts, counts, others)

    @given(st.text(st.characters(max_codepoint=0xFF)).map(lambda text: text.encode("latin-1")))
    def test_is_refused_or_passes_for_good(self, data):
        try:
            entered = redactor().redact_request(data + END_OF_HEAD)
        except MalformedHead:
            return
        assert "set-cookie" not in headers(entered)
        again = redactor().redact_request(entered)
        assert headers(again).keys() == headers(entered).keys()


class TestAResponse:
    RESPONSE = b"HTTP/1.1 101 Switching Protocols\r\n%s\r\nUpgrade: WebSocket" + END_OF_HEAD

    def test_to_a_fresh_cookie_carries_its_value_which_nothing_before_has_seen(self):
        mine = redactor(max_age=60, secure=True, http_strict=True, same_site="Lax")
        issued = mine.issue()
        rendered = mine.set_cookie(issued, 60)
        assert rendered.startswith(f"cbtid={issued}; ")
        for attribute in ("Max-Age=60", "Secure", "HttpOnly", "SameSite=Lax"):
            assert attribute in rendered.split("; ")
        left = mine.restore_response(self.RESPONSE % f"Set-Cookie: {rendered}".encode())
        value = re.search(b"cbtid=([^;]+)", left)[1].decode()
        assert id_of(value) == issued
        assert issued.encode() not in left

    def test_is_changed_once(self):
        mine = redactor()
        issued = mine.issue()
        cookie = f"cbtid={issued}".encode()
        mine.set_cookie(issued, 60)
        twice = cookie + b" " + cookie
        left = mine.restore_response(twice)
        assert left.count(cookie) == 1
        assert left.endswith(cookie)
        assert mine.restore_response(twice) == twice

    def test_without_a_fresh_cookie_is_left_alone(self):
        mine = redactor()
        mine.redact_request(head(f"Cookie: cbtid={VALUE}"))
        assert mine.restore_response(f"cbtid={ID}".encode()) == f"cbtid={ID}".encode()

    def test_has_a_value_of_the_configured_length(self):
        mine = redactor(length=64)
        issued = mine.issue()
        mine.set_cookie(issued, 60)
        left = mine.restore_response(f"cbtid={issued}".encode())
        assert len(left) == len("cbtid=") + 64

    def test_carries_either_value_where_two_were_issued_as_the_first_collided(self):
        mine = redactor()
        first, second = mine.issue(), mine.issue()
        assert first != second
        for issued in (first, second):
            assert mine.set_cookie(issued, 60).startswith(f"cbtid={issued};")
            left = mine.restore_response(f"cbtid={issued}".encode())
            assert id_of(left.decode().removeprefix("cbtid=")) == issued

    @pytest.mark.parametrize("value", [VALUE, "other"])
    def test_to_a_cookie_that_lives_on_carries_its_value_again(self, value):
        mine = redactor()
        mine.redact_request(head(f"Cookie: cbtid={VALUE}; cbtid=other"))
        id = id_of(value)
        assert mine.set_cookie(id, 60).startswith(f"cbtid={id}; Max-Age=60")
        assert mine.restore_response(f"cbtid={id}".encode()) == f"cbtid={value}".encode()


class TestTheHeadersForAStoreThatKnowsValues:
    def test_have_one_presented_value_each_and_no_other_cookie(self):
        mine = redactor(name="sid")
        mine.redact_request(head(f"Cookie: a=1; sid={VALUE}; cbtid=secret; sid=other"))
        assert list(mine.reveal({"cookie": "redacted", "host": "localhost"})) == [
            {"cookie": f"sid={VALUE}", "host": "localhost"},
            {"cookie": "sid=other", "host": "localhost"},
        ]

    def test_are_none_where_nothing_is_presented(self):
        assert list(redactor().reveal({"host": "localhost"})) == []


class TestAResponseOfAnotherServer:
    def test_shows_no_value_of_a_cookie_of_ours(self):
        status = b"HTTP/1.1 101 Switching Protocols\r\n"
        ends = b"Set-Cookie: a=1; Path=/\r\nServer: X" + END_OF_HEAD
        response = status + f"set-cookie: sid={VALUE}; Max-Age=5\r\n".encode() + ends
        shown = redact_response(response, NAMES)
        assert shown == status + f"set-cookie: sid={ID}; Max-Age=5\r\n".encode() + ends

    def test_without_a_cookie_is_left_alone(self):
        response = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
        assert redact_response(response, NAMES) is response

    @pytest.mark.parametrize("end", ["\n", "\r\n "])
    def test_that_is_malformed_is_refused(self, end):
        response = f"HTTP/1.1 101 Switching Protocols{end}Set-Cookie: sid={VALUE}"
        with pytest.raises(MalformedHead):
            redact_response(response.encode() + END_OF_HEAD, NAMES)
