"""Large forms, which Twisted would read into memory before it looks who they are for."""

import psutil
import pytest
from crossbar.common.twisted.web import Site
from twisted.web.resource import Resource
from twisted.web.test.requesthelper import DummyChannel

from cookietrack_plugin.router.guard.request import Guards, let_guards_in
from cookietrack_plugin.router.web.forms import LARGE_BYTES
from tests.support.rawhttp import END, head_of

KIND = "application/x-www-form-urlencoded"
BLOCK = b"a=1&" * 16_384
BLOCKS = 1500


def received(options, body):
    """A request with this form that a site with these options has received."""
    site = Site(Resource(), hsts=options.get("hsts"))
    let_guards_in(site, options, Guards())
    channel = DummyChannel()
    channel.site = site
    request = site.requestFactory(channel, False)
    request.requestHeaders.setRawHeaders(b"content-type", [KIND.encode()])
    request.gotLength(len(body))
    request.handleContentChunk(body)
    request.requestReceived(b"POST", b"/?b=2", b"HTTP/1.1")
    return request


@pytest.mark.parametrize("size", [100, LARGE_BYTES])
def test_a_large_form_is_not_parsed(size):
    request = received({}, b"a=1".ljust(size, b"."))
    assert request.args.keys() == ({b"a", b"b"} if size == 100 else {b"b"})
    assert request.requestHeaders.getRawHeaders("content-type") == [KIND]


def test_a_listener_that_asks_for_tls_goes_on_to():
    for options in ({"hsts": True}, {"hsts": True, "hsts_max_age": 5}):
        headers = received(options, b"").responseHeaders
        age = options.get("hsts_max_age", 31_536_000)
        assert headers.getRawHeaders("strict-transport-security") == [f"max-age={age}"]


def test_an_uploaded_form_is_not_held_in_memory(proxy, upstream):
    site = proxy()
    before = psutil.Process().memory_info().rss
    with site.connect() as client:
        length = len(BLOCK) * BLOCKS
        client.send(f"POST /app HTTP/1.1\r\nHost: x\r\nContent-Type: {KIND}\r\n")
        client.send(f"Content-Length: {length}\r\n\r\n")
        for _ in range(BLOCKS):
            client.send(BLOCK)
        with upstream.accept() as server:
            _, headers = head_of(server.until(END))
            assert psutil.Process().memory_info().rss - before < 30_000_000
    assert ("content-type", KIND) in headers
