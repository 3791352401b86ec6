"""etcd's JSON gateway: one call, and what its errors mean."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import urllib3
from urllib3.util import Url, parse_url

from cookietrack_plugin.errors import ConfigError, CookieTrackError, StoreFull, StoreUnavailable
from cookietrack_plugin.stores.kit.options import wrong_url

SCHEMES = ("http", "https")
# gRPC's codes, which stand in the answers.
INVALID_ARGUMENT, PERMISSION_DENIED, RESOURCE_EXHAUSTED, UNAUTHENTICATED = 3, 7, 8, 16


def checked_url(text: str) -> Url:
    """:raises ConfigError: it is no URL of an etcd server."""
    try:
        url = parse_url(text)
    except urllib3.exceptions.LocationParseError as error:
        raise wrong_url("no URL", "http://host:2379 or https://host:2379") from error
    if url.scheme not in SCHEMES or not url.host:
        raise wrong_url("no scheme or host", "http://host:2379 or https://host:2379")
    if url.path not in (None, "", "/") or url.query:
        raise wrong_url("something behind the port", "http://host:2379 or https://host:2379")
    return url


def coded(data: bytes) -> str:
    return b64encode(data).decode()


def decoded(text: str | None) -> bytes:
    """The bytes of an answer, which leaves out what is empty."""
    return b64decode(text or "")


class Gateway:
    """
    Connections to one URL. Any thread calls.

    :param timeout: seconds until a server that does not answer counts as unavailable.
    """

    def __init__(self, url: Url, timeout: float) -> None:
        self._pool = urllib3.PoolManager(
            maxsize=8, block=False, retries=False, timeout=urllib3.Timeout(timeout)
        )
        self._url = Url(url.scheme, None, url.host, url.port or 2379)
        self._login = url.auth
        self._token: str | None = None
        self._is_closed = False

    def call(self, method: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """
        What etcd answers.

        :raises ConfigError: the user, the password or the permissions are wrong.
        :raises ValueError: the request is larger than etcd takes.
        :raises StoreFull: its quota is used up.
        :raises StoreUnavailable: it does not answer, or cannot now.
        """
        if self._login and self._token is None:
            self._token = self._new_token(self._login)
        status, answer = self._sent(method, request)
        if status != 200 and answer.get("code") == UNAUTHENTICATED and self._login:
            # Tokens live for some minutes.
            self._token = self._new_token(self._login)
            status, answer = self._sent(method, request)
        if status != 200:
            raise _translated(answer)
        return answer

    def check_open(self) -> None:
        """:raises StoreUnavailable: it was closed."""
        if self._is_closed:
            raise StoreUnavailable("the store is closed")

    def close(self) -> None:
        """Close idle connections, and refuse every call. Idempotent."""
        self._is_closed = True
        self._pool.clear()

    def _new_token(self, login: str) -> str:
        name, _, password = login.partition(":")
        status, answer = self._sent("auth/authenticate", {"name": name, "password": password})
        if status != 200 and answer.get("code") in (INVALID_ARGUMENT, PERMISSION_DENIED):
            raise ConfigError("etcd refuses the user or password of the url")
        if status != 200:
            raise _translated(answer)
        return str(answer["token"])

    def _sent(self, method: str, request: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        self.check_open()
        headers = {"Authorization": self._token} if self._token else {}
        body = json.dumps(request)
        try:
            url = f"{self._url}/v3/{method}"
            response = self._pool.request("POST", url, body=body, headers=headers)
            return response.status, json.loads(response.data)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise StoreUnavailable(f"etcd is out of reach: {type(error).__name__}") from error


def _translated(answer: Mapping[str, Any]) -> CookieTrackError | ValueError:
    text, code = str(answer.get("error")), answer.get("code")
    if "space exceeded" in text:
        return StoreFull("etcd's quota is used up: compact, defragment and disarm its alarm")
    if "request is too large" in text or code == RESOURCE_EXHAUSTED:
        return ValueError("the changes are larger than etcd takes in a request")
    if code in (PERMISSION_DENIED, UNAUTHENTICATED) or "user name is empty" in text:
        return ConfigError(f"etcd refuses the user of the url: {text}")
    return StoreUnavailable(f"etcd cannot answer: {text}")
