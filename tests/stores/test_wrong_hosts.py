"""A `url` whose host is none, is silent, or is something else: one line, without secrets."""

import socket
from collections.abc import Iterator
from threading import Thread
from typing import Any
from urllib.parse import quote

import pytest

from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.errors import ConfigError, StoreUnavailable
from servers.databases import PASSWORD

URLS = {
    "postgresql": "postgresql://joe:{}@{}/db",
    "mysql": "mysql://joe:{}@{}/db",
    "redis": "redis://joe:{}@{}/0",
    "cluster": "redis+cluster://joe:{}@{}",
    "sentinel": "redis+sentinel://joe:{}@{}/service",
}


@pytest.fixture
def silent() -> Iterator[str]:
    """A host that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def stranger() -> Iterator[str]:
    """One that says something else to everybody who comes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=_answer_http, args=(listener,), daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def _answer_http(listener: socket.socket) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        client.close()


@pytest.mark.parametrize("kind", URLS)
@pytest.mark.parametrize("host", ["nowhere.invalid", "silent", "stranger"])
def test_what_is_wrong_with_a_host_is_one_line(
    kind: str, host: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    where = host if "." in host else request.getfixturevalue(host)
    store_type = "sql" if "sql" in kind else "redis"
    url = URLS[kind].format(quote(PASSWORD, safe=""), where)
    options: dict[str, Any] = {"type": store_type, "url": url, "timeout": 0.5}
    with pytest.raises((ConfigError, StoreUnavailable)) as refusal:
        find_provider(store_type).open(options, ".")
    told = str(refusal.value)
    assert "\n" not in told
    assert where in told
    advice = ("can this host reach it?", "it is no Redis: name another", "no sentinel that answers")
    assert any(each in told for each in advice)
    for secret in (PASSWORD, quote(PASSWORD, safe="")):
        assert secret not in told + caplog.text
