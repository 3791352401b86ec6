"""Which ids a revocation of a user keeps: what is no id would be split in what a store writes."""

from contextlib import nullcontext

import pytest

from cookietrack_plugin.stores.lmdb.store import LmdbStore
from cookietrack_plugin.stores.redis.fencing import fence_of
from cookietrack_plugin.stores.redis.store import RedisStore
from cookietrack_plugin.testing.samples import make_id

NO_IDS = ["short", "a b", "x,y", "", make_id(2) + " "]


class Recorder:
    def __init__(self):
        self.kept = []

    def do(self, function, authid, authrealm, keep):
        self.kept.append(sorted(keep))
        return 0

    def revoke(self, user):
        return self.do(None, user.authid, user.authrealm, user.keep)


def _fixed(value):
    return property(lambda _: value)


@pytest.mark.parametrize("store_class", [LmdbStore, RedisStore])
def test_it_keeps_nothing_else(store_class):
    recorder = Recorder()
    parts = {"_deletions": recorder, "_revoker": recorder, "_answering": nullcontext}
    store_class = type("Recorded", (store_class,), {k: _fixed(v) for k, v in parts.items()})
    store = store_class.__new__(store_class)
    store.revoke_user("joe", None, [make_id(1), *NO_IDS])
    assert recorder.kept == [[make_id(1)]]


@pytest.mark.parametrize("kept", ["", "a b c", "short", f"{make_id(1)}, x", f"a b,{make_id(1)}"])
def test_a_fence_that_kept_something_else_can_be_read(kept):
    """An earlier version wrote it, and every login of its user reads it."""
    assert fence_of(f"1-0 1-1 {kept}".encode()).keep == {
        each for each in [make_id(1)] if each in kept
    }
