"""Logins on several nodes that race with revocations of their users."""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from cookietrack_plugin.record import Authenticate, Cookie, Create, matches
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id

Name = tuple[str | None, str | None]

USERS = [("joe", "realm1"), ("joe", "realm2"), ("ann", "realm1"), ("ann", "realm2")]
NAMES: Sequence[Name] = [*USERS, ("joe", None), (None, "realm2"), (None, None)]
NODES = 3
IDS_PER_NODE = 8
LOGINS = 150
REVOCATIONS = 60


def early_logins_left(open_store: Callable[[], Any]) -> list[str]:
    """
    Let nodes store logins, in batches, while another revokes users: the records that are left
    although their login began before a revocation that was acknowledged.
    """
    revoking, *logging_in = [open_store() for _ in range(NODES + 1)]
    begin = Barrier(NODES + 1)
    with ThreadPoolExecutor(NODES + 1) as threads:
        logins = [
            threads.submit(_log_in, store, node, begin) for node, store in enumerate(logging_in)
        ]
        revocations = threads.submit(_revoke, revoking, begin)
        applied = sum(each.result() for each in logins)
        found = revocations.result()
    assert applied > 0, "no login applied"
    for store in (revoking, *logging_in):
        store.close()
    return found


def _log_in(store: Any, node: int, begin: Barrier) -> int:
    """Log in on the node's own records, each login with the position that it knew: how many did."""
    choice, applied = random.Random(node), 0
    ids = [make_id(node * IDS_PER_NODE + n) for n in range(IDS_PER_NODE)]
    begin.wait()
    for _ in range(LOGINS):
        _, since = store.revoked_since(None)
        store.commit([Create(_empty(id)) for id in ids])
        batch = choice.sample(ids, choice.randrange(1, 4))
        logins = [_login(id, choice.choice(USERS), since) for id in batch]
        applied += sum(store.commit(logins))
    return applied


def _login(id: str, user: tuple[str, str], since: Any) -> Authenticate:
    return Authenticate(id, make_auth(*user, {"since": since[0]}), NOW, since)


def _empty(id: str) -> Cookie:
    return make_cookie(int(id))


def _revoke(store: Any, begin: Barrier) -> list[str]:
    """Revoke users, one after the other: the records that are left of those who were."""
    choice, found = random.Random(NODES), list[str]()
    revoked: list[tuple[Name, int]] = []
    begin.wait()
    for _ in range(REVOCATIONS):
        name = choice.choice(NAMES)
        _, (known, _) = store.revoked_since(None)
        store.revoke_user(*name)
        revoked.append((name, known))
        found += _left(store, revoked)
    return found


def _left(store: Any, revoked: Sequence[tuple[Name, int]]) -> list[str]:
    return [
        f"{cookie.id}: {cookie.auth.identity} of {cookie.auth.authextra}, {name} at {known}"
        for cookie in records(store)
        for name, known in revoked
        if cookie.auth and matches(cookie.auth, *name) and cookie.auth.authextra["since"] <= known
    ]
