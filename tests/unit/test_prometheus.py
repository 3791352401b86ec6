"""What the stores of a worker are called in its metrics, and which of them are asked."""

import json

import pytest
from twisted.internet.defer import succeed

from cookietrack_plugin.access.breaker import MAX_FAILURES
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.router import prometheus as metrics
from cookietrack_plugin.router.prometheus import store_labels
from cookietrack_plugin.testing.samples import make_id


def labels(*items):
    return list(store_labels([json.dumps(item, sort_keys=True) for item in items]).values())


@pytest.mark.parametrize(
    ("item", "label"),
    [
        ({"type": "memory"}, "memory"),
        ({"type": "lmdb", "path": ".cookies"}, "lmdb:.cookies"),
        ({"type": "file", "filename": "c.dat"}, "file:c.dat"),
        ({"type": "redis", "url": "redis://:p@ss@host:1/0?password=x"}, "redis:redis://host:1/0"),
        ({"type": "sql", "url": "mysql://me:pw@db/a", "table": "t"}, "sql:mysql://db/a t"),
    ],
)
def test_a_store_is_named_by_its_type_and_place_without_what_is_secret(item, label):
    assert labels(item) == [label]


def test_no_two_stores_have_the_same_name_as_prometheus_refuses_that():
    items = [{"type": "memory"}, {"type": "memory", "max_cookies": 5}]
    items += [{"type": "redis", "url": f"redis://host/{n}"} for n in range(2)]
    items += [{"type": "redis", "url": "redis://host/0", "prefix": "b"}]
    assert len(set(labels(*items))) == 5


@pytest.mark.parametrize("what", ["commits", "loads"])
def test_a_store_that_is_known_to_be_away_is_not_asked(what, make_store, make_tracked, monkeypatch):
    asked = []
    monkeypatch.setattr(metrics, "deferToThread", lambda ask: asked.append(ask) or succeed(ask()))
    tracked = make_tracked(make_store(reads_block=True, commits_block=True))
    assert tracked.reactor.result_of(metrics._stat(tracked.tracker)) == tracked.store.stat()
    getattr(tracked.store, f"fail_{what}")()
    for _ in range(MAX_FAILURES):
        with pytest.raises(StoreUnavailable):
            tracked.visit(make_id(1) if what == "loads" else None)
    assert tracked.reactor.result_of(metrics._stat(tracked.tracker)) == {}
    assert len(asked) == 1
