"""Pure functions over headers, cookies and paths."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as some
from twisted.web.http import unquote
from twisted.web.http_headers import Headers

from cookietrack_plugin.router.web.cookies import joined
from cookietrack_plugin.router.web.forwarding import BadHost, Forwarding, host_of, is_forwarding
from cookietrack_plugin.router.web.headers import end_to_end, plain
from cookietrack_plugin.router.web.identityheaders import (
    IdentityNames,
    header_value,
    identity_headers,
)
from cookietrack_plugin.router.web.outbound import Upstream
from cookietrack_plugin.router.web.target import BadTarget, target_of

MARK = "\N{REPLACEMENT CHARACTER}"


def asking(uri, prefix=1):
    """A request for something below a service that has this many segments."""
    path = uri.partition(b"?")[0]
    segments = [unquote(segment) for segment in path[1:].split(b"/")]
    return SimpleNamespace(uri=uri, path=path, postpath=segments[prefix:])


@pytest.mark.parametrize(
    ("uri", "target"),
    [
        (b"/app", b"/base"),
        (b"/app?", b"/base?"),
        (b"/app/", b"/base/"),
        (b"/app//x", b"/base//x"),
        (b"/app/a%2fb;c=d?e#f", b"/base/a%2fb;c=d?e%23f"),
        (b"/app/\xe4\x7f", b"/base/%E4%7F"),
        (b"/app/...", b"/base/..."),
        (b"/app/..a", b"/base/..a"),
        (b"/app/x?../..", b"/base/x?../.."),
        (b"/app/%252e%252e/x", b"/base/%252e%252e/x"),
    ],
)
def test_a_target_is_what_the_client_wrote_below_the_configured_path(uri, target):
    assert target_of(asking(uri), b"/base") == target


def test_without_a_configured_path_the_upstream_has_a_root():
    assert target_of(asking(b"/app"), b"") == b"/"
    assert target_of(asking(b"/", 0), b"") == b"/"
    assert target_of(asking(b"//evil/x", 0), b"") == b"//evil/x"


@pytest.mark.parametrize("uri", [b"http://x/app", b"*", b"app", b"x:80"])
def test_a_target_that_is_no_path_is_refused(uri):
    with pytest.raises(BadTarget, match="expected a path as the request's target"):
        target_of(asking(uri), b"/base")


@given(some.binary(max_size=30))
def test_no_target_can_end_the_request_line_or_leave_the_path(rest):
    uri = b"/app/" + rest
    try:
        target = target_of(asking(uri), b"/base")
    except BadTarget:
        return
    assert target.startswith(b"/base/")
    assert all(0x21 <= byte <= 0x7E for byte in target)
    path = unquote(target.partition(b"?")[0]).replace(b"\\", b"/")
    assert {b".", b".."} & {part.partition(b";")[0] for part in path.split(b"/")} == set()


def test_a_name_is_the_same_in_every_spelling():
    names = IdentityNames(["X-Remote-User"])
    assert all(name in names for name in (b"x-remote-user", b"X_REMOTE.USER", b"X~Remote-User"))
    assert b"x-realm" not in names
    names.add(["X_Realm"])
    assert b"x-realm" in names
    assert b"x-remote-user" in names
    assert "x-realm" not in names
    assert plain(b"Content_Length") == b"content-length"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("alice", "alice"),
        ("Zoë \N{SNOWMAN}", "Zoë \N{SNOWMAN}"),
        ("a\r\nb\x00\x7f\x85", f"a{MARK * 2}b{MARK * 3}"),
        (" admin\t", f"{MARK}admin{MARK}"),
        ("\ud800", MARK),
        ("   ", MARK * 3),
        ("", ""),
    ],
)
def test_what_would_end_a_header_or_be_lost_is_replaced(text, value):
    assert header_value(text) == value.encode()


@given(some.text(some.characters()))
def test_an_identity_is_one_line_that_no_parser_shortens(text):
    value = header_value(text)
    assert value.strip() == value
    assert not set(value) & {*range(32), 127}
    assert len(value.decode()) == len(text)


def test_without_an_identity_there_are_no_headers():
    assert list(identity_headers(None)) == []


def test_a_pair_of_a_hidden_cookie_is_left_out_wherever_it_stands():
    fields = [b'a="1; cbtid=x"; b=2', b" cbtid=y;c=3, cbtid=z; ;d", b"cbtid=", b"\xe4=\xf6"]
    assert joined(fields, {"cbtid"}) == b'a="1; b=2; d; cbtid=; \xe4=\xf6'
    assert joined([b"cbtid=x"], {"cbtid"}) == b""
    assert joined([b"cbtid=x"]) == b"cbtid=x"


def test_a_header_that_a_connection_names_is_its_own():
    headers = [(b"A", b"1"), (b"Connection", b"close ,B,,  c"), (b"b", b"2"), (b"C", b"3")]
    assert list(end_to_end([*headers, (b"A", b"4")])) == [(b"A", b"1"), (b"A", b"4")]


@pytest.mark.parametrize(
    "host", [b"x", b"x.y:80", b"[::1]:80", b"[::1]", b"", b"xn--a_b~", b"1.2.3.4:"]
)
def test_a_host_is_a_name_or_an_address(host):
    request = SimpleNamespace(requestHeaders=Headers({b"host": [host]}))
    assert host_of(request) == host


@pytest.mark.parametrize("host", [b"x y", b'x"', b"a@b", b"x/y", b"[::1", b"x:y", b"\xe4"])
def test_what_is_no_host_is_refused(host):
    request = SimpleNamespace(requestHeaders=Headers({b"host": [host]}))
    with pytest.raises(BadHost):
        host_of(request)


@pytest.mark.parametrize(
    ("address", "forwarded"),
    [
        (SimpleNamespace(host="::1", port=1), b'for="[::1]";proto=http'),
        (SimpleNamespace(host="fe80::1%eth0", port=1), b'for="[fe80::1]";proto=http'),
        (SimpleNamespace(host="10.0.0.1", port=1), b"for=10.0.0.1;proto=http"),
        (SimpleNamespace(name=b"/a/socket"), b"for=unknown;proto=http"),
    ],
)
def test_a_client_is_told_of_by_its_address(address, forwarded):
    request = SimpleNamespace(requestHeaders=Headers(), getClientAddress=lambda: address)
    headers = dict(Forwarding(80, "http").headers(request))
    assert headers[b"Forwarded"] == forwarded
    assert (b"X-Forwarded-For" in headers) is hasattr(address, "host")


@pytest.mark.parametrize("name", [b"X-Forwarded-For", b"x_forwarded_x", b"FORWARDED", b"X-Real.IP"])
def test_a_header_that_tells_of_a_client_is_known_in_every_spelling(name):
    assert is_forwarding(name)
    assert not is_forwarding(b"X-" + name)


@pytest.mark.parametrize(
    ("config", "authority"),
    [
        ({"host": "h"}, b"h"),
        ({"host": "h", "port": 81}, b"h:81"),
        ({"host": "::1", "port": 81}, b"[::1]:81"),
        ({"host": "büro.test"}, b"xn--bro-hoa.test"),
    ],
)
def test_the_host_of_a_proxied_request_is_the_upstreams(config, authority):
    assert Upstream.of(config).authority == authority
