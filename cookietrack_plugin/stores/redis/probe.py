"""Finds mistakes in the `url` because of which a server does not answer: waiting does not help."""

import socket
import ssl
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from typing import Any

from redis.exceptions import AuthenticationError, ConnectionError, TimeoutError

from cookietrack_plugin.stores.kit.options import wrong_url
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.url import RedisUrl

Connect = Callable[[], socket.socket]

# Seconds to wait for an answer.
_PATIENCE_S = 1.0
_QUESTION = b"PING\r\n"
_ANSWERS = (b"+", b"-")


def find_mistake(url: RedisUrl, node_dir: str, timeout: float) -> None:
    """
    Look for a mistake; return where waiting may help.

    :raises ConfigError: the servers speak TLS and the `url` does not say so, or the other way
        round; or the sentinels do not know the service.
    :raises RedisError: a sentinel refuses the password.
    """
    _check_transport(url, min(timeout, _PATIENCE_S))
    if url.kind == "sentinel":
        with closing(Client(url, node_dir, timeout)) as client:
            _check_service(client.sentinels(), url)


def _check_transport(url: RedisUrl, timeout: float) -> None:
    for host in url.hosts:
        # A server that cannot be reached at all is away.
        with suppress(OSError):
            if mistake := _mistake(url, partial(socket.create_connection, host, timeout)):
                found, expected = mistake
                raise wrong_url(f"{found} at {url.shown}", expected)


def _mistake(url: RedisUrl, connect: Connect) -> tuple[str, str] | None:
    """What was found, and what is expected in the url instead; None where it fits."""
    if _answers(connect):
        if url.tls:
            return "a server without TLS", "the scheme without TLS, such as redis"
        return None
    said = _tls_error(connect)
    if not url.tls and (said is None or "ALERT" in said):
        return "a server that speaks TLS", "the scheme for TLS, such as rediss"
    if url.tls and said is not None and "CERTIFICATE_REQUIRED" in said:
        return "a server that wants a certificate", "?ssl_certfile=file&ssl_keyfile=file"
    return None


def _answers(connect: Connect) -> bool:
    """Whether somebody speaks Redis's protocol, and without TLS."""
    with closing(connect()) as connection, suppress(OSError):
        connection.sendall(_QUESTION)
        return connection.recv(1) in _ANSWERS
    return False


def _tls_error(connect: Connect) -> str | None:
    """How TLS fails, None if it does not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    # No verification: this is about the protocol, and nothing secret is sent.
    context.verify_mode = ssl.CERT_NONE
    try:
        with closing(context.wrap_socket(connect())) as connection:
            # It may have closed its end already.
            with suppress(OSError):
                connection.sendall(_QUESTION)
            # Its alert about our certificate arrives here (RFC 8446, section 4.4.2.4).
            connection.recv(1)
    except OSError as error:
        return str(error)
    return None


def _check_service(sentinels: list[Any], url: RedisUrl) -> None:
    services: set[str] = set()
    is_answered = False
    for sentinel in sentinels:
        try:
            services.update(sentinel.sentinel_masters())
        except AuthenticationError:
            raise
        except (ConnectionError, TimeoutError):
            continue
        is_answered = True
    if is_answered and url.service not in services:
        named = ", ".join(sorted(services)) or "one that they watch"
        raise wrong_url(f"a service that the sentinels at {url.shown} do not know", named)
