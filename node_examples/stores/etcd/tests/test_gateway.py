"""What the gateway makes of etcd's users, and of answers that a test cannot bring about."""

import json
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.parse import quote

import pytest
from cookietrack_etcd.gateway import Gateway, checked_url
from cookietrack_etcd.provider import EtcdProvider
from server import Server

from cookietrack_plugin.errors import ConfigError, StoreFull, StoreUnavailable

# With what a URL has to escape.
PASSWORD = "p@ss:w/rd%"
TYPE = "etcd"


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()


def opened(server, login=""):
    options = {"type": TYPE, "url": server.url.replace("//", f"//{login}"), "timeout": 2}
    return closing(EtcdProvider().open(options, "."))


@pytest.mark.parametrize("login", [f"root:{quote(PASSWORD, safe='')}@", "root:${ETCD_PASSWORD}@"])
def test_a_password_may_have_any_characters(server, monkeypatch, login):
    monkeypatch.setenv("ETCD_PASSWORD", PASSWORD)
    server.ask_for_password(PASSWORD)
    with opened(server, login) as store:
        assert store.stat()["cookies"] == 0


def test_a_token_that_etcd_has_forgotten_is_renewed(server):
    server.ask_for_password("secret")
    with opened(server, "root:secret@") as store:
        server.forget_tokens("secret")
        assert store.load(["x" * 24]) == {}


def test_a_user_may_stand_in_the_url_before_etcd_asks_for_one(server):
    with opened(server, "root:secret@") as store:
        server.ask_for_password("secret")
        assert store.load(["x" * 24]) == {}


@pytest.mark.parametrize(
    ("login", "said"), [("", "asks for a user"), ("root:wrong@", "refuses the user or password")]
)
def test_a_wrong_login_is_said_to_be_one(server, login, said):
    server.ask_for_password("secret")
    with pytest.raises(ConfigError, match=f"etcd at {server.url} {said}"):
        opened(server, login)


@contextmanager
def answered(status, body):
    """A gateway to a server that gives that answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Gateway(checked_url(f"http://127.0.0.1:{server.server_port}"), 2)
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'"text"', b""])
def test_what_is_no_etcd_is_said_to_be_none(body):
    said = r"http://127\.0\.0\.1:\d+: expected the JSON gateway of etcd, found HTTP 200"
    with answered(200, body) as gateway, pytest.raises(StoreUnavailable, match=said):
        gateway.call("kv/range", {})


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:1", "Connection refused"),
        ("http://no-such-host.invalid", "(not known|name resolution)"),
    ],
)
def test_who_does_not_answer_is_named_with_the_reason(url, said):
    with (
        closing(Gateway(checked_url(url), 2)) as gateway,
        pytest.raises(StoreUnavailable, match=f"etcd at {url}.* is out of reach: .*{said}"),
    ):
        gateway.call("kv/range", {})


@pytest.mark.parametrize("key", ["error", "message"])
@pytest.mark.parametrize(
    ("text", "code", "error"),
    [
        ("etcdserver: mvcc: database space exceeded", 8, StoreFull),
        ("etcdserver: too many requests", 8, StoreUnavailable),
        ("etcdserver: request is too large", 3, ValueError),
        ("grpc: received message larger than max", 8, ValueError),
        ("etcdserver: permission denied", 7, ConfigError),
        ("etcdserver: leader changed", 14, StoreUnavailable),
    ],
)
def test_each_answer_has_its_error(key, text, code, error):
    # etcd 3.6 has another name for the text.
    body = json.dumps({key: text, "code": code}).encode()
    with answered(400, body) as gateway, pytest.raises(error):
        gateway.call("kv/txn", {})
