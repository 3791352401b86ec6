"""Two nodes that change the same few records of a shared store at the same moment."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from attrs import evolve

from cookietrack_plugin.record import Authenticate, Change, Create, Delete
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, make_touch

IDS = [make_id(number) for number in range(6)]


def contradictions(*stores: Any) -> list[str]:
    """
    Let each store commit a thousand random changes, in batches, all at once; then compare what they
    answered with what is there: a record's creations and deletions alternate, by any node.
    """
    with ThreadPoolExecutor(len(stores)) as nodes:
        counts = sum(nodes.map(_change_at_random, stores, range(len(stores))), Counter())
    present = stores[0].load(IDS)
    found = []
    for id in IDS:
        created, deleted = counts[Create, id], counts[Delete, id]
        if created - deleted != (id in present):
            found.append(f"{id}: created {created} times, deleted {deleted}: {id in present}")
    return found


def _change_at_random(store: Any, seed: int) -> "Counter[tuple[type, str]]":
    choice, applied = random.Random(seed), Counter[tuple[type, str]]()
    for _ in range(250):
        changes = [_change(choice) for _ in range(4)]
        for change, applies in zip(changes, store.commit(changes), strict=True):
            applied[type(change), change.id] += applies
    return applied


def _change(choice: random.Random) -> Change:
    number = choice.randrange(len(IDS))
    changes: list[Change] = [
        Create(make_cookie(number)),
        Delete(make_id(number)),
        make_touch(number),
        Authenticate(make_id(number), make_auth(choice.choice(["joe", "mary"])), NOW),
    ]
    return choice.choice(changes)


def told_and_revoked(reader: Any, *writers: Any) -> tuple[list[str], list[str]]:
    """
    Let each writer revoke its own records one by one, all at once, while the reader follows the
    feed: what it was told, and what was revoked.
    """
    ids = [[f"{node:04d}{number:020d}" for number in range(40)] for node in range(len(writers))]
    for store, own in zip(writers, ids, strict=True):
        store.commit([Create(evolve(make_cookie(), id=id)) for id in own])
    told: list[str] = []
    _, cursor = reader.revoked_since(None)
    with ThreadPoolExecutor(len(writers)) as nodes:
        revoking = [nodes.submit(_revoke, *each) for each in zip(writers, ids, strict=True)]
        while not all(each.done() for each in revoking):
            new, cursor = reader.revoked_since(cursor)
            told += new
        for each in revoking:
            each.result()
    told += reader.revoked_since(cursor)[0]
    return sorted(told), sorted(id for own in ids for id in own)


def _revoke(store: Any, ids: list[str]) -> None:
    for id in ids:
        assert store.commit([Delete(id)]) == [True]
