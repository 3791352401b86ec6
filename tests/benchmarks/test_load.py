"""The load generator: what it sends, and what it makes of answers."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from benchmarks import generator
from benchmarks.load import jobs, kept, wire
from benchmarks.load.loop import Loop
from benchmarks.load.visit import Script


@contextmanager
def answering(*answers: bytes) -> Iterator[int]:
    """The port of a server that has these answers for its first client, then hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                for answer in answers:
                    client.recv(65536)
                    client.sendall(answer)

        server = Thread(target=serve)
        server.start()
        yield listener.getsockname()[1]
        server.join()


class FourBytes(BaseHTTPRequestHandler):
    """Answers each request on a connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        for part in (b"12", b"34"):
            self.wfile.write(part)
            self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def web_server() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), FourBytes) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\nset-cookie: cbtid=value;max-age=3\r\n\r\n"


def test_the_cookie_is_the_name_and_value_of_set_cookie() -> None:
    assert wire.cookie_of(ACCEPTED) == "cbtid=value"
    assert wire.cookie_of(b"HTTP/1.1 101 Switching Protocols\r\n\r\n") is None


def test_a_returning_visitor_sends_its_cookie_and_a_new_one_none() -> None:
    assert b"\r\nCookie: cbtid=value\r\n" in wire.upgrade(8080, "/ws", "cbtid=value")
    assert b"Cookie" not in wire.upgrade(8080, "/ws")


@pytest.mark.parametrize("length", [3, 125, 126, 4000, 70000])
def test_a_frame_is_taken_when_it_is_whole(length: int) -> None:
    payload = b"x" * length
    if length < 126:
        data = bytes([0x81, length]) + payload
    elif length < 65536:
        data = bytes([0x81, 126]) + length.to_bytes(2, "big") + payload
    else:
        data = bytes([0x81, 127]) + length.to_bytes(8, "big") + payload
    assert wire.frame(data + b"more") == (payload, len(data))
    assert wire.frame(data[:-1]) is None


@pytest.mark.parametrize("text", ["short", "long" * 100])
def test_a_message_is_a_masked_text_frame(text: str) -> None:
    data = wire.message(wire.CALL, 1, {}, "procedure", [text])
    assert data[0] == 0x81
    assert data[1] & 0x80
    start = 8 if data[1] & 0x7F == 126 else 6
    assert json.loads(data[start:]) == [48, 1, {}, "procedure", [text]]


class TestClientsThatKeepTheirConnection:
    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\n1234",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345",
            b"HTTP/1.1 200 OK\r\n\r\n1234",
            b"",
        ],
        ids=["refused", "another length", "no length", "closed"],
    )
    def test_do_not_go_on_with_another_answer(self, answer: bytes) -> None:
        request = wire.get(80, "/", "a=b")
        with answering(answer) as port, pytest.raises(kept.UnexpectedAnswer):
            kept.ask(port, [request], 4, 0.1)

    def test_ask_again_when_they_have_the_whole_answer(self) -> None:
        with web_server() as port:
            found = kept.ask(port, [wire.get(port, "/", "a=b")] * 3, 4, 0.1)
        assert found["all"] > 3
        assert found["rate"] > 0


def test_quantiles_are_in_milliseconds() -> None:
    spans = [number / 1000 for number in range(1, 101)]
    found = jobs.quantiles(spans)
    assert (found["count"], found["p50"], found["p99"], found["max"]) == (100, 51, 100, 100)


@pytest.mark.parametrize("join", [False, True], ids=["handshakes", "joins"])
def test_nobody_fails_at_the_trivial_server(join: bool) -> None:
    with generator.trivial_server() as port, generator.running() as load:
        found = load.do("visits", port=port, clients=4, seconds=0.1, join=join)
    assert found["failed"] == 0
    assert found["given"] >= found["visits"]["count"]


def test_cookies_are_collected_from_those_who_joined() -> None:
    with generator.trivial_server() as port, generator.running() as load:
        cookies = load.do("collect", port=port, clients=4, count=8)
    assert cookies == ["cbtid=000000000000000000000000"] * 8


def test_a_handshake_that_is_refused_has_failed() -> None:
    with (
        answering(b"HTTP/1.1 503 Service Unavailable\r\n\r\n") as port,
        pytest.raises(ConnectionError, match="refused"),
    ):
        jobs.join(Loop(), port, Script(wire.upgrade(port, "/ws")))


@pytest.mark.parametrize(
    "answers",
    [
        [ACCEPTED, wire.from_server(wire.ABORT, {}, "wamp.error.not_authorized")],
        [ACCEPTED],
        [],
    ],
    ids=["aborted", "dropped after the handshake", "dropped"],
)
def test_a_login_that_does_not_end_in_a_welcome_has_failed(answers: list[bytes]) -> None:
    with (
        answering(*answers) as port,
        generator.running() as load,
        pytest.raises(generator.JobFailed, match="refused the login"),
    ):
        load.do("hold", port=port, connections=1)


def test_a_client_that_logs_out_says_goodbye_when_it_is_welcome_and_waits_for_the_answer() -> None:
    challenge = wire.from_server(wire.CHALLENGE, "ticket", {})
    welcome = wire.from_server(wire.WELCOME, 1, {})
    goodbye = wire.from_server(wire.GOODBYE, {}, "wamp.close.normal")
    with answering(ACCEPTED, challenge, welcome, goodbye) as port:
        jobs.join(Loop(), port, jobs.scripts(port, join=True, leave=True)[0]).close()
