"""Cookie headers as browsers, proxies and attackers send them."""

import re
from base64 import urlsafe_b64encode
from hashlib import sha256

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cookietrack_plugin.header import ID_LENGTH, Attributes, hide, id_of, new_value, parse, render

VALUE = "Wd3sTn0rQ8vYk2mXz5uB7hJp"
ID = id_of(VALUE)
JSON = '{"theme":"dark","tags":["a","b"],"n":1}'


SPACE = st.text(" \t", max_size=2)
OTHER_NAMES = st.sampled_from(["xcbtid", "cbtid2", "cb", "a", "session_id", "CBTID", '"', ""])
NAMES = OTHER_NAMES | st.just("cbtid")
# What a browser lets a page put into a cookie: anything but a semicolon.
TEXTS = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters=";,"), max_size=20
)


@st.composite
def pairs_of(draw, names):
    value = draw(TEXTS | st.sampled_from([VALUE, '"', '"{', '}"', '"\\', '\\"']))
    return f"{draw(SPACE)}{draw(names)}{draw(SPACE)}={draw(SPACE)}{value}"


HEADERS = st.lists(pairs_of(NAMES) | TEXTS, max_size=8).map(";".join)


def cookies(header: str) -> list[tuple[str, str]]:
    """What an independent reader makes of a header: `name=value` between semicolons."""
    pairs = [part.partition("=") for part in header.split(";")]
    return [(name.strip(), value.strip(" \t")) for name, _, value in pairs]


class TestTheIdOfAValue:
    def test_is_known_for_a_known_value(self):
        assert id_of("abc") == "ungWv48Bz-pBQUDeXa4iI7AD"

    def test_is_base64url_of_the_first_18_bytes_of_sha256(self):
        assert id_of(VALUE) == urlsafe_b64encode(sha256(VALUE.encode()).digest()[:18]).decode()

    @given(st.text(alphabet=st.characters(codec="utf-8")))
    def test_is_24_characters_whatever_the_value(self, value):
        assert re.fullmatch(r"[A-Za-z0-9_-]{24}", id_of(value))
        assert ID_LENGTH == 24


class TestANewValue:
    @pytest.mark.parametrize("length", [6, 24, 64])
    def test_has_the_asked_length_in_characters_that_no_header_has_to_quote(self, length):
        assert re.fullmatch(rf"[A-Za-z0-9_-]{{{length}}}", new_value(length))

    def test_is_another_each_time(self):
        assert len({new_value(24) for _ in range(100)}) == 100


class TestParsing:
    @pytest.mark.parametrize(
        "header",
        [
            f"cbtid={VALUE}",
            f"cbtid={VALUE};",
            f"  cbtid={VALUE}  ",
            f"cbtid = {VALUE}",
            f"cbtid=\t{VALUE}\t;",
            f'cbtid="{VALUE}"',
            f"a=1; cbtid={VALUE}; b=2",
            f"a=1;cbtid={VALUE};b=2",
            f";;; cbtid={VALUE} ;;",
            f"=; cbtid={VALUE}",
            f"flag; cbtid={VALUE}",
            f"cbtid={VALUE}; cbtid={VALUE}",
            f'cbtid={VALUE}; cbtid="{VALUE}"',
        ],
    )
    def test_finds_the_value_among_spaces_quotes_and_neighbours(self, header):
        assert parse(header, "cbtid") == [VALUE]

    @pytest.mark.parametrize(
        "neighbour",
        [
            f"prefs={JSON}",
            f'prefs="{JSON}"',
            f"{JSON}",
            'x="unclosed',
            'x=clo"sed"',
            "x=a b c",
            "two words=1",
            "x=1, y=2",
            '{"a":1,cbtid=2}',
            "x=ö; ö=x",
            "x=\xff\x80",
            "x=" + "y" * 100_000,
        ],
    )
    def test_is_not_confused_by_a_neighbour_on_either_side(self, neighbour):
        assert parse(f"{neighbour}; cbtid={VALUE}", "cbtid") == [VALUE]
        assert parse(f"cbtid={VALUE}; {neighbour}", "cbtid") == [VALUE]

    def test_finds_it_between_two_neighbours_whose_quotes_close_each_other(self):
        # Browsers know no quotes in cookies; a parser that does takes it for a part of the first.
        assert parse(f'a="{{; cbtid={VALUE}; b=}}"', "cbtid") == [VALUE]
        assert parse(f'a="\\; cbtid={VALUE}; b="', "cbtid") == [VALUE]

    @given(st.lists(pairs_of(OTHER_NAMES)), st.lists(pairs_of(OTHER_NAMES)))
    def test_finds_it_among_any_neighbours(self, before, behind):
        header = ";".join([*before, f" cbtid={VALUE}", *behind])
        assert parse(header, "cbtid") == [VALUE]

    @pytest.mark.parametrize(
        "header",
        [
            "",
            ";",
            "a=1; b=2",
            f"xcbtid={VALUE}",
            f"cbtid2={VALUE}",
            f"x-cbtid={VALUE}",
            f"CBTID={VALUE}",
            f'x="cbtid={VALUE}"',
            f"x=cbtid={VALUE}",
            f"{VALUE}",
            "cbtid",
            "cbtid=",
            'cbtid=""',
            "cbtid=   ;",
        ],
    )
    def test_finds_none_where_the_cookie_is_absent_or_empty(self, header):
        assert parse(header, "cbtid") == []

    @pytest.mark.parametrize(
        ("header", "values"),
        [
            (f"cbtid={VALUE}; cbtid=other", [VALUE, "other"]),
            (f"cbtid=other; a=1; cbtid={VALUE}", ["other", VALUE]),
            (f"cbtid={VALUE}; cbtid=", [VALUE]),
            (f"cbtid=a; cbtid={VALUE}; cbtid=a; cbtid=b", ["a", VALUE, "b"]),
            ("cbtid=a; cbtid=b; cbtid=c; cbtid=d; cbtid=d; cbtid", ["a", "b", "c", "d"]),
        ],
    )
    def test_gives_up_to_four_distinct_values_in_the_order_of_the_header(self, header, values):
        assert parse(header, "cbtid") == values

    def test_gives_none_of_five_values(self):
        assert parse(f"cbtid={VALUE}; cbtid=a; cbtid=b; cbtid=c; cbtid=d", "cbtid") == []

    def test_takes_the_cookie_of_exactly_the_name(self):
        header = f"xcbtid=one; cbtid={VALUE}; cbtid2=two"
        assert parse(header, "cbtid") == [VALUE]
        assert parse(header, "cbtid2") == ["two"]

    @given(st.text(max_size=200), st.text(st.characters(codec="latin-1"), max_size=50))
    def test_never_fails(self, header, value):
        for text in (header, f"cbtid={value}"):
            assert all(isinstance(id_of(each), str) for each in parse(text, "cbtid"))


OURS = frozenset({"cbtid", "sid"})


class TestHiding:
    def test_puts_the_id_in_the_place_of_the_value(self):
        assert hide(f"a=1; cbtid={VALUE}; b=2", OURS) == f"a=1; cbtid={ID}; b=2"

    def test_hides_every_value_of_every_name_behind_its_own_id(self):
        header = f"cbtid={VALUE}; a=1; sid=other;cbtid = third; sid={VALUE}"
        other, third = id_of("other"), id_of("third")
        assert hide(header, OURS) == f"cbtid={ID}; a=1; sid={other};cbtid ={third}; sid={ID}"

    def test_hides_what_follows_a_comma_too_as_some_servers_join_two_headers_with_one(self):
        assert hide(f"a=1,cbtid={VALUE}", OURS) == f"a=1,cbtid={ID}"
        assert hide(f"a=1,b=2, sid={VALUE}; c", OURS) == f"a=1,b=2, sid={ID}; c"

    @pytest.mark.parametrize("before", [": Cookie:", "a=b=", ";;;=", "a b ", "\x0b", "=,", "é"])
    def test_hides_a_value_behind_whatever_ends_a_word(self, before):
        assert hide(f"x=1; {before}cbtid={VALUE}", OURS) == f"x=1; {before}cbtid={ID}"

    def test_hides_quoted_values_with_their_quotes(self):
        assert hide(f'cbtid="{VALUE}"; a=1', OURS) == f"cbtid={ID}; a=1"

    def test_leaves_an_empty_value_empty(self):
        assert hide('cbtid=; sid=""; cbtid', OURS) == "cbtid=; sid=; cbtid"

    @pytest.mark.parametrize("header", ["", "a=1", "xcbtid=1; cbtid2=2; CBTID=3; x-cbtid=4"])
    def test_leaves_a_header_without_the_cookie_as_it_is(self, header):
        assert hide(header, OURS) == header

    @given(HEADERS)
    @example("cbtid=\xa0")
    def test_no_value_of_the_name_is_left_and_no_other_cookie_is_touched(self, header):
        hidden = hide(header, {"cbtid"})
        expected = [
            (name, hidden_value(value) if name == "cbtid" else value)
            for name, value in cookies(header)
        ]
        assert cookies(hidden) == expected

    @given(HEADERS)
    def test_ids_are_found_where_values_were(self, header):
        ids = [id_of(value) for value in parse(header, "cbtid")]
        assert parse(hide(header, OURS), "cbtid") == ids


def hidden_value(value: str) -> str:
    bare = value.strip(' \t"')
    return id_of(bare) if bare else ""


class TestRendering:
    def test_gives_the_value_and_its_lifetime_and_no_more(self):
        assert render("cbtid", VALUE, 86400, Attributes()) == f"cbtid={VALUE}; Max-Age=86400"

    def test_gives_no_lifetime_to_a_cookie_of_the_browsers_session(self):
        assert render("cbtid", VALUE, None, Attributes()) == f"cbtid={VALUE}"

    def test_gives_each_attribute_that_is_configured(self):
        attributes = Attributes(
            secure=True,
            http_only=True,
            same_site="Lax",
            path="/ws",
            domain="example.com",
            partitioned=True,
        )
        first, *found = render("cbtid", VALUE, 60, attributes).split("; ")
        assert first == f"cbtid={VALUE}"
        assert set(found) == {
            "Max-Age=60",
            "Secure",
            "HttpOnly",
            "SameSite=Lax",
            "Path=/ws",
            "Domain=example.com",
            "Partitioned",
        }

    @pytest.mark.parametrize("same_site", ["Strict", "Lax", "None"])
    def test_gives_same_site_as_it_is_configured(self, same_site):
        rendered = render("cbtid", VALUE, 60, Attributes(same_site=same_site))
        assert f"SameSite={same_site}" in rendered

    def test_names_no_path_as_browsers_would_then_send_two_cookies(self):
        assert "path" not in render("cbtid", VALUE, 60, Attributes()).lower()
