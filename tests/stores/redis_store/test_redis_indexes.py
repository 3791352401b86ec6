"""What is read from the indexes of Redis, and stores of the schema before."""

from contextlib import closing
from typing import Any

import pytest

from cookietrack_plugin.record import (
    Cookie,
    Create,
    Delete,
)
from cookietrack_plugin.stores.kit.codec import encode
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.redis.paging import place_at
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
    run_command,
)

pytest_plugins = ["tests.support.servers"]
pytestmark = pytest.mark.server


@pytest.mark.parametrize("limit", [1, 7, 1_000])
@pytest.mark.parametrize("moment", ["the same moment", "their own moments"])
def test_a_walk_goes_on_where_many_expire_at_one_moment(store: RedisStore, limit: int, moment: str):
    """A score does not tell then where to go on from."""
    step = moment == "their own moments"
    cookies = [make_cookie(n, expires=NOW + n * step) for n in range(300)]
    store.commit([Create(cookie) for cookie in cookies])
    assert sorted(records(store, limit=limit), key=lambda each: each.id) == cookies


def test_a_walk_among_equals_misses_nobody_while_ranks_change(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
):
    """Records before the place are deleted after its rank was read."""
    store.commit([Create(make_cookie(n, expires=NOW)) for n in range(600)])
    numbers = iter(range(600))
    find_rank = store._pages._rank

    def rank(last: Any) -> int:
        found = find_rank(last)
        store.commit([Delete(make_id(next(numbers))) for _ in range(10)])
        return found

    monkeypatch.setattr(store._pages, "_rank", rank)
    seen = [each.id for each in records(store, limit=20)]
    left = {make_id(n) for n in range(next(numbers), 600)}
    assert len(left) < 500
    assert left <= set(seen)
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("expires", [0, 1, -5, 2**40, 2**62, 10**30])
def test_any_time_has_a_place(store: RedisStore, expires: int):
    cookies = [make_cookie(n, expires=expires + n % 2) for n in range(30)]
    store._client.run(
        [("ZADD", store._layout.of(each.id).expiry, each.expires, each.id) for each in cookies]
    )
    places = store._pages.after(None, store._indexes_of(None, None), 100)
    assert len(places) == 30
    cursors = [place.cursor() for place in places]
    assert cursors == sorted(cursors)
    assert [place_at(cursor) for cursor in cursors] == places
    for number, place in enumerate(places):
        behind = store._pages.after(place, store._indexes_of(None, None), 100)
        assert behind == places[number + 1 :]


def test_a_page_of_a_user_takes_few_round_trips(store: RedisStore):
    """However many realms there are, most of which the user is not in."""
    store.commit([Create(make_cookie(n, make_auth("mary", f"realm{n}"))) for n in range(200)])
    store.commit([Create(make_cookie(n + 200, make_auth())) for n in range(10)])
    trips: list[int] = []
    run = store._client.run

    def count(commands: Any) -> list[Any]:
        trips.append(len(commands))
        return run(commands)

    store._client.run = count  # type: ignore[method-assign]
    assert len(list(records(store, "joe"))) == 10
    assert len(trips) < 15


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
    assert sorted(records(first), key=lambda each: each.id) == cookies
    assert len(list(records(first, *JOE))) == second.revoke_user(*JOE) == 300
    assert len(list(records(first, "joe"))) == second.revoke_user("joe", None) == 300
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


def test_the_sweep_spares_a_record_that_lives_longer_than_the_index_says(store: RedisStore):
    """So it is between reading the index and deleting, when a client is heard in between."""
    living, expired = make_cookie(1, expires=NOW + 5), make_cookie(2, expires=NOW)
    store.commit([Create(living), Create(expired)])
    index = store._layout.of(living.id).expiry
    store._client.run([("ZADD", index, NOW - 5, living.id)])
    assert store.expire(NOW, 10) == 1
    assert dict(store.load([living.id, expired.id])) == {living.id: living}
    assert store.expire(NOW + 5, 10) == 1
    assert dict(store.load([living.id])) == {}
