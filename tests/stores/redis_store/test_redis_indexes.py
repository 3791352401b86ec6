"""What is read from the indexes of Redis, and stores of the schema before."""

from contextlib import closing
from typing import Any

import pytest

from cookietrack_plugin.record import (
    Authenticate,
    Cookie,
    Create,
    Delete,
)
from cookietrack_plugin.stores.kit.codec import encode
from cookietrack_plugin.stores.redis.indexes import Recent
from cookietrack_plugin.stores.redis.store import RedisStore
from cookietrack_plugin.stores.redis.upgrade import old_index
from cookietrack_plugin.testing.samples import (
    NOW,
    make_auth,
    make_cookie,
    make_id,
)
from tests.support.redis_stores import (
    JOE,
    USERS,
    keys_of,
    open_redis,
    populate,
    run_command,
)

pytest_plugins = ["tests.support.servers"]
pytestmark = pytest.mark.server


def test_a_scan_gives_each_record_once_when_the_index_shrinks(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
):
    """ZSCAN gives some a second time then."""
    numbers = range(6_000)
    pages: list[list[str]] = []
    read_page = store._indexes.page

    def page(index: str, cursor: int) -> tuple[int, list[str]]:
        cursor, ids = read_page(index, cursor)
        pages.append(ids)
        return cursor, ids

    def scan(number: int) -> list[str]:
        store.commit([Create(make_cookie(n)) for n in numbers])
        pages.clear()
        scan, seen = store.scan(), []
        while len(pages) < number or len(seen) < sum(map(len, pages)):
            seen.append(next(scan).id)
        # What it gives again shares a slot of the smaller table with what comes next.
        kept = {*pages[-1][-30:], make_id(0)}
        store.commit([Delete(id) for id in map(make_id, numbers) if id not in kept])
        seen += (each.id for each in scan)
        assert kept <= set(seen)
        return seen

    monkeypatch.setattr(store._indexes, "page", page)
    seen = scan(5)
    assert len(set(seen)) == len(seen)
    monkeypatch.setattr(Recent, "new", lambda self, ids: list(ids))
    assert any(len(set(seen)) < len(seen) for seen in map(scan, range(2, 8)))


def test_a_record_that_changes_realms_is_given_once(store: RedisStore):
    populate(store, 30)
    users = ("joe", "realm1"), ("joe", "realm2")
    for old, new in (users, users[::-1]):
        scan = store.scan("joe")
        seen = [next(scan).id]
        ids = [each.id for each in store.scan(*old)]
        store.commit([Authenticate(id, make_auth(*new), NOW) for id in ids])
        seen += (each.id for each in scan)
        assert len(set(seen)) == len(seen)


def test_what_was_seen_is_remembered_within_bounds():
    recent = Recent(10)
    assert recent.new(["a", "b", "a"]) == ["a", "b"]
    for n in range(100):
        recent.new([str(n)])
        assert recent.new([str(m) for m in range(max(0, n - 9), n + 1)]) == []
    assert recent.new(["a"]) == ["a"]
    assert len(recent._newer) + len(recent._older) <= 20


def test_a_store_of_schema_1_is_upgraded(options: dict[str, Any]):
    """Its logins are found by identity, and its feed is read on from where somebody was."""
    auths = [make_auth(*user) if user else None for user in USERS]
    cookies = [make_cookie(n, auths[n % 4]) for n in range(1_200)]
    with closing(open_redis(**options)) as store:
        layout = store._layout
        _fill_as_schema_1(store, cookies)
    cursor = tuple((b"5-1", b"") for _ in layout.partitions)
    first, second = open_redis(**options), open_redis(**options)
    assert keys_of(first, "authid:*") == []
    assert run_command(options["url"], "HGET", layout.meta, "version") == b"2"
    assert first.revoked_since(cursor)[0] == [make_id(7)]
    assert sorted(first.scan(), key=lambda each: each.id) == cookies
    assert len(list(first.scan(*JOE))) == second.revoke_user(*JOE) == 300
    assert len(list(first.scan("joe"))) == second.revoke_user("joe", None) == 300
    first.close()
    second.close()


def _fill_as_schema_1(store: RedisStore, cookies: list[Cookie]) -> None:
    commands: list[Any] = [("HSET", store._layout.meta, "version", 1)]
    for cookie in cookies:
        own = store._layout.of(cookie.id)
        commands.append(("SET", own.cookie(cookie.id), encode(cookie)))
        commands.append(("ZADD", own.expiry, cookie.expires, cookie.id))
        if cookie.auth:
            index = old_index(own, cookie.auth.authid)
            commands.append(("ZADD", index, cookie.expires, cookie.id))
    for own in store._layout.partitions:
        commands += ("SET", own.cookie("damaged"), "x"), ("ZADD", own.expiry, NOW, "damaged")
        commands += (
            ("XADD", own.revoked, f"5-{n}", "id", id) for n, id in ((1, ""), (2, make_id(7)))
        )
    store._client.run(commands)
