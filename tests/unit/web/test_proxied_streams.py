"""Bodies that are larger than memory should be, and connections that end in the midst of them."""

from hashlib import sha256
from threading import Thread

import psutil
import pytest

from tests.support.rawhttp import END, head_of

GET = "GET /app HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
BLOCK = bytes(range(256)) * 256
BLOCKS = 1600
SIZE = len(BLOCK) * BLOCKS
DIGEST = sha256(BLOCK * BLOCKS).hexdigest()
# What the kernel may hold of a connection, and the process of one.
HELD_BYTES = 30_000_000


@pytest.fixture
def site(proxy):
    return proxy()


def memory():
    return psutil.Process().memory_info().rss


def flood(wire, blocks=BLOCKS):
    for _ in range(blocks):
        wire.socket.sendall(BLOCK)


def sent_until_blocked(wire, limit=SIZE):
    """How many bytes the other end takes while nobody reads behind it."""
    wire.socket.settimeout(1)
    sent = 0
    try:
        while sent < limit:
            sent += wire.socket.send(BLOCK)
    except TimeoutError:
        pass
    wire.socket.settimeout(20)
    return sent


def test_a_download_is_no_faster_than_its_client_reads(site, upstream):
    with site.connect() as client:
        client.send(GET)
        with upstream.accept() as server:
            server.until(END)
            server.send(f"HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n")
            sent = sent_until_blocked(server)
            assert 0 < sent < HELD_BYTES
            rest = (BLOCK * BLOCKS)[sent:]
            sending = Thread(target=server.socket.sendall, args=[rest], daemon=True)
            sending.start()
            digest = sha256()
            response = client.response()
            while block := response.read(65_536):
                digest.update(block)
            sending.join()
    assert digest.hexdigest() == DIGEST


@pytest.mark.parametrize("is_chunked", [False, True])
def test_an_upload_is_not_held_in_memory(site, upstream, is_chunked):
    before = memory()
    framing = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {SIZE}"
    kind = "Content-Type: application/octet-stream"
    with site.connect() as client:
        client.send(f"POST /app HTTP/1.1\r\nHost: x\r\n{kind}\r\n{framing}\r\n\r\n")
        for _ in range(BLOCKS):
            client.send(f"{len(BLOCK):x}\r\n", BLOCK, "\r\n") if is_chunked else client.send(BLOCK)
        client.send("0\r\n\r\n" if is_chunked else "")
        with upstream.accept() as server:
            _, headers = head_of(server.until(END))
            assert ("content-length", str(SIZE)) in headers
            digest = sha256(server.exactly(len(BLOCK)))
            assert memory() - before < HELD_BYTES
            for _ in range(BLOCKS - 1):
                digest.update(server.exactly(len(BLOCK)))
            server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            assert client.response().status == 200
    assert digest.hexdigest() == DIGEST


def test_an_upstream_may_answer_while_it_reads(site, upstream):
    """Both ends write more than is buffered on the way: neither waits for the other to read."""
    with site.connect() as client:
        client.send(f"POST /app HTTP/1.1\r\nHost: x\r\nContent-Length: {SIZE}\r\n\r\n")
        flood(client)
        with upstream.accept() as server:
            server.until(END)
            server.send(f"HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n")

            def echo():
                for _ in range(BLOCKS):
                    server.socket.sendall(server.exactly(len(BLOCK)))

            echoing = Thread(target=echo, daemon=True)
            echoing.start()
            response = client.response()
            digest = sha256()
            while block := response.read(65_536):
                digest.update(block)
            echoing.join()
    assert digest.hexdigest() == DIGEST


def test_an_upstream_may_refuse_a_body_before_it_has_come(site, upstream):
    with site.connect() as client:
        client.send(f"POST /app HTTP/1.1\r\nHost: x\r\nContent-Length: {SIZE}\r\n\r\n")
        flood(client)
        with upstream.accept() as server:
            server.until(END)
            server.send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
            response = client.response()
            assert (response.status, response.read()) == (413, b"no")
            assert server.ends()


def test_a_response_begins_before_its_body(site, upstream):
    with site.connect() as client:
        client.send(GET)
        with upstream.accept() as server:
            server.until(END)
            server.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            assert client.until(END).startswith(b"HTTP/1.1 200 OK")
            for event in (b"data: 1\n\n", b"data: 2\n\n"):
                server.send(event)
                assert client.until(event)


def test_a_client_that_leaves_while_it_waits_takes_the_upstreams_connection_with_it(site, upstream):
    with site.connect() as client:
        client.send(GET)
        with upstream.accept() as server:
            server.until(END)
            client.abort()
            assert server.is_aborted()


def test_a_client_that_leaves_in_a_download_takes_the_upstreams_connection_with_it(site, upstream):
    with site.connect() as client:
        client.send(GET)
        with upstream.accept() as server:
            server.until(END)
            server.send(HEAD, "some")
            client.until(b"some")
            client.abort()
            assert server.is_aborted()


def test_a_client_that_leaves_in_an_upload_takes_the_upstreams_connection_with_it(site, upstream):
    with site.connect() as client:
        client.send(f"POST /app HTTP/1.1\r\nHost: x\r\nContent-Length: {SIZE}\r\n\r\n")
        flood(client)
        with upstream.accept() as server:
            server.until(END)
            client.abort()
            assert server.is_aborted()


@pytest.mark.parametrize("end", ["end", "abort"])
@pytest.mark.parametrize(
    "part",
    [
        HEAD + "some",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n5\r\nnext",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\nnonsense\r\n",
    ],
)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_response_that_breaks_off_never_looks_complete(site, upstream, part, version, end, log):
    with site.connect() as client:
        client.send(f"GET /app HTTP/{version}\r\nHost: x\r\n\r\n")
        with upstream.accept() as server:
            server.until(END)
            server.send(part[: part.index("some") + 4])
            client.until(b"some")
            server.send(part[part.index("some") + 4 :])
            getattr(server, end)()
            assert client.is_aborted()
    [line] = [line for line in log.at("warn") if "the proxied service" in line]
    assert "the connection was lost" in line or "no HTTP" in line


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_response_that_ends_with_its_connection_is_complete_unless_that_was_reset(
    site, upstream, version
):
    for end, is_whole in (("end", True), ("abort", False)):
        with site.connect() as client:
            client.send(f"GET /app HTTP/{version}\r\nHost: x\r\nConnection: close\r\n\r\n")
            with upstream.accept() as server:
                server.until(END)
                server.send("HTTP/1.0 200 OK\r\n\r\nsome")
                client.until(b"some")
                getattr(server, end)()
                assert client.is_aborted() is not is_whole
