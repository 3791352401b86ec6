"""Redis stores on real servers: opening them, and what tests do to them."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any
from uuid import uuid4

import pytest

from cookietrack_plugin.record import Authenticate, Create
from cookietrack_plugin.stores.redis import user_revocation
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.keys import Partition
from cookietrack_plugin.stores.redis.provider import RedisProvider
from cookietrack_plugin.stores.redis.rounds import Round
from cookietrack_plugin.stores.redis.store import RedisStore
from cookietrack_plugin.stores.redis.url import parse_url
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id

JOE = "joe", "realm1"
# Of users who can be revoked, with None for any.
NAMES = list(product(("joe", None), ("realm1", None)))
# How users are revoked: see `user_revocation`.
WAYS = ["at once", "in steps", "behind a fence"]
USERS = [("joe", "realm1"), ("joe", "realm2"), ("mary", "realm1"), None]


def open_redis(url: str, node_dir: object = ".", **options: Any) -> RedisStore:
    provider = RedisProvider()
    item = {"type": "redis", "url": url, **options}
    provider.check(item)
    return provider.open(item, str(node_dir))


def look_at(item: dict[str, Any]) -> Any:
    """The store as people look at it."""
    return RedisProvider().open_readonly(item, ".")


def new_prefix() -> str:
    """Its own for each test: they share the servers."""
    return f"test-{uuid4().hex[:12]}"


def run_command(url: str, *command: Any) -> Any:
    """The answer of the server to a command that no store gives it."""
    client = Client(parse_url(url), ".", timeout=5)
    answer = client.run([command])[0]
    client.close()
    return answer


def keys_of(store: RedisStore, pattern: str = "*") -> list[bytes]:
    """The keys of all partitions that have this behind their tag."""
    tags = [each.tag for each in store._layout.partitions]
    masters: Sequence[Any] = store._client.masters()
    return [
        key for master in masters for tag in tags for key in master.keys(f"{{{tag}}}:{pattern}")
    ]


def populate(store: RedisStore, count: int = 40) -> None:
    """`count` records of each of `USERS`."""
    auths = [make_auth(*user) if user else None for user in USERS]
    cookies = [make_cookie(n, auths[n % len(auths)]) for n in range(count * len(auths))]
    assert all(store.commit([Create(cookie) for cookie in cookies]))


def login(number: int, since: Any, user: tuple[str, str] = JOE) -> Authenticate:
    return Authenticate(make_id(number), make_auth(*user), NOW, since)


def new_login(number: int, since: Any, user: tuple[str, str] = JOE) -> Create:
    """A login that is stored together with its record."""
    return Create(make_cookie(number, make_auth(*user)), since)


def position(store: RedisStore) -> Any:
    return store.revoked_since(None)[1]


def revoke_in(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have users revoked in one of the three `WAYS`, however few records they have."""
    if way != "at once":
        monkeypatch.setattr(user_revocation, "_STEP", 3)
    if way == "behind a fence":
        monkeypatch.setattr(user_revocation, "_MAX_TRIES", 0)


def trips(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """The commands that the store sends from now on, by round trip."""
    sent: list[list[Any]] = []
    send = store._client.exchange

    def note(asked: Round) -> list[Any]:
        if asked.commands:
            sent.append(list(asked.commands))
        return send(asked)

    monkeypatch.setattr(store._client, "exchange", note)
    return sent


def between_trips(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch, call: Callable[[], Any]
) -> None:
    """Call it before each round trip of the store from now on."""
    send = store._client.exchange

    def interrupted(asked: Round) -> list[Any]:
        if asked.commands:
            call()
        return send(asked)

    monkeypatch.setattr(store._client, "exchange", interrupted)


def last_user(store: RedisStore, partition: Partition) -> bytes | None:
    """The number of the last entry of the partition that tells of a user."""
    entries = store._client.run([("XRANGE", partition.revoked, "-", "+")])[0]
    return next((number for number, fields in reversed(entries) if b"keep" in fields), None)
