"""etcd's JSON gateway: one call, and what its errors mean."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import urllib3
from urllib3.util import Url, parse_url

from cookietrack_plugin.errors import ConfigError, CookieTrackError, StoreFull, StoreUnavailable
from cookietrack_plugin.stores.kit.options import wrong_url

SCHEMES = ("http", "https")
# gRPC's codes, which stand in the answers.
INVALID_ARGUMENT, PERMISSION_DENIED, RESOURCE_EXHAUSTED, UNAUTHENTICATED = 3, 7, 8, 16
# Texts of etcd by which it asks for a token, or for a newer one.
NO_USER, OLD_TOKEN = "user name is empty", "revision of auth store is old"


def checked_url(text: str) -> Url:
    """:raises ConfigError: it is no URL of an etcd server."""
    try:
        url = parse_url(text)
    except urllib3.exceptions.LocationParseError as error:
        raise wrong_url("no URL", "http://host:2379 or https://host:2379") from error
    if url.scheme not in SCHEMES or not url.host:
        raise wrong_url("no scheme or host", "http://host:2379 or https://host:2379")
    if url.path not in (None, "", "/") or url.query or url.fragment:
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
        status, answer = self._sent(method, request, self._token)
        if status != 200 and _asks_for_token(answer) and self._login:
            # Tokens live for some minutes, and until etcd's users or their rights are altered.
            self._token = self._new_token(self._login)
            status, answer = self._sent(method, request, self._token)
        if status != 200:
            raise self._translated(answer)
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
        """Empty where etcd has no users: it lets everybody in."""
        name, _, password = map(unquote, login.partition(":"))
        # Without the token before it: etcd would refuse that one.
        status, answer = self._sent("auth/authenticate", {"name": name, "password": password})
        if status == 200:
            return str(answer["token"])
        if "authentication is not enabled" in _text(answer):
            return ""
        if answer.get("code") in (INVALID_ARGUMENT, PERMISSION_DENIED):
            raise ConfigError(f"etcd at {self._url} refuses the user or password of the url")
        raise self._translated(answer)

    def _sent(
        self, method: str, request: Mapping[str, Any], token: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        """The status and the answer, which has a header or a code."""
        self.check_open()
        headers = {"Authorization": token} if token else {}
        body = json.dumps(request)
        try:
            url = f"{self._url}/v3/{method}"
            response = self._pool.request("POST", url, body=body, headers=headers)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            text = f"etcd at {self._url} is out of reach: {_reason(error)}"
            raise StoreUnavailable(text) from error
        answer = _parsed(response.data)
        if not answer.keys() & {"header", "code"}:
            found = f"HTTP {response.status} without an answer of etcd's"
            raise StoreUnavailable(f"{self._url}: expected the JSON gateway of etcd, found {found}")
        return response.status, answer

    def _translated(self, answer: Mapping[str, Any]) -> CookieTrackError | ValueError:
        text, code, place = _text(answer), answer.get("code"), f"etcd at {self._url}"
        if "space exceeded" in text:
            return StoreFull(f"{place} has no room: compact, defragment, disarm its alarm")
        if "too many requests" in text:
            return StoreUnavailable(f"{place} cannot keep up: {text}")
        if "request is too large" in text or code == RESOURCE_EXHAUSTED:
            return ValueError("the changes are larger than etcd takes in a request")
        if NO_USER in text:
            return ConfigError(f"{place} asks for a user: expected user:password@ in the url")
        if code == PERMISSION_DENIED:
            return ConfigError(f"{place} gives the user of the url no right to its prefix: {text}")
        if code == UNAUTHENTICATED:
            return ConfigError(f"{place} refuses the user of the url: {text}")
        return StoreUnavailable(f"{place} cannot answer: {text}")


def _reason(error: BaseException) -> str:
    """What the system says; else the type, as a driver's text may have anything in it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__
    return type(error).__name__


def _asks_for_token(answer: Mapping[str, Any]) -> bool:
    text = _text(answer)
    return answer.get("code") == UNAUTHENTICATED or NO_USER in text or OLD_TOKEN in text


def _text(answer: Mapping[str, Any]) -> str:
    """What etcd says, under the name that it has up to etcd 3.5 or after it."""
    return str(answer.get("error") or answer.get("message"))


def _parsed(data: bytes) -> dict[str, Any]:
    """A JSON object; empty for anything else."""
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
