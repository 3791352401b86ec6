"""What the stores of a worker are called in its metrics."""

import json

import pytest

from cookietrack_plugin.router.metrics import store_labels


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
