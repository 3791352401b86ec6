"""kill -9: what was acknowledged survives it, and no batch is torn by it."""

import random
from itertools import chain
from typing import Any

from cookietrack_plugin.interfaces import ICookieStore, IRevocationFeed, IUserRevocation
from cookietrack_plugin.record import Authenticate, Cookie, Create, Delete
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.testing.case import OpenStore, StartProcess, StoreCase
from cookietrack_plugin.testing.process import StoreProcess
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, replay
from cookietrack_plugin.testing.writer import batch


class CrashChecks(StoreCase):
    #: How many writers are killed.
    rounds = 20

    def test_what_was_acknowledged_survives_kill_9(
        self, start_process: StartProcess, open_store: OpenStore
    ) -> None:
        """After kill -9 each returned commit is there, and the next one whole or not at all.

        ICookieStore.commit: "Apply `changes` in order, all or none; when it returns they survive
        kill -9 and a power cut"
        """
        survived: dict[str, Cookie] = {}
        for round in range(self.rounds):
            acknowledged = _kill_while_writing(start_process(), round)
            store = open_store()
            survived |= _survivors(store, round, acknowledged)
            store.close()
        store = open_store()
        assert dict(store.load(list(survived))) == survived
        assert {cookie.id for cookie in records(store)} == set(survived)

    def test_a_returned_delete_survives_kill_9(
        self, start_process: StartProcess, open_store: OpenStore
    ) -> None:
        """What commit() has deleted when the process dies is gone, and nothing else is.

        ICookieStore.commit: "when it returns they survive kill -9 and a power cut"
        """
        process = start_process()
        process.open()
        process.call("commit", [Create(make_cookie(n, make_auth())) for n in (1, 2)])
        process.call("commit", [Delete(make_id(1))])
        process.kill()
        store = open_store()
        assert [cookie.id for cookie in records(store, authid="joe")] == [make_id(2)]
        assert set(store.load([make_id(1), make_id(2)])) == {make_id(2)}

    def test_a_returned_sweep_survives_kill_9(
        self, start_process: StartProcess, open_store: OpenStore
    ) -> None:
        """What expire() has deleted when the process dies is gone.

        ICookieStore.expire: "Delete at most `limit` records with `expires <= now` (milliseconds),
        durably."
        """
        process = start_process()
        process.open()
        process.call("commit", [Create(make_cookie(n, expires=NOW + n)) for n in (1, 2)])
        assert process.call("expire", NOW + 1, 10) == 1
        process.kill()
        assert [cookie.id for cookie in records(open_store())] == [make_id(2)]

    def test_a_returned_revocation_survives_kill_9(
        self, store: Any, start_process: StartProcess, open_store: OpenStore
    ) -> None:
        """What revoke_user() has deleted when the process dies is gone, and its fence stands.

        IUserRevocation.revoke_user: "Delete every record that is logged in as `authid` in
        `authrealm`, durably."
        """
        self.need_interface("user_revocation", store, IUserRevocation)
        store.close()
        process = start_process()
        process.open()
        process.call("commit", [Create(make_cookie(n, make_auth())) for n in (1, 2)])
        process.call("commit", [Create(make_cookie(3))])
        fences = IRevocationFeed.providedBy(store)
        since = process.call("revoked_since", None)[1] if fences else None
        assert process.call("revoke_user", "joe", "realm1", {make_id(2)}) == 1
        process.kill()
        reopened = open_store()
        assert {cookie.id for cookie in records(reopened)} == {make_id(2), make_id(3)}
        login = Authenticate(make_id(3), make_auth(), NOW, since)
        assert list(reopened.commit([login])) == [not fences]


def _kill_while_writing(process: StoreProcess, round: int) -> int:
    """Kill a writer while it opens or commits, at random; how many of its commits had returned."""
    process.begin_to_open()
    process.send("write", round)
    wanted = random.randrange(30)
    answers = [process.receive() for _ in range(wanted)]
    process.kill(delay=random.uniform(0, 0.005 if wanted else 0.05))
    answers += process.rest()
    # The first one is the answer to open().
    return max(0, len(answers) - 1)


def _survivors(store: ICookieStore, round: int, acknowledged: int) -> dict[str, Cookie]:
    """What is left of a round, if it is what was acknowledged, with or without one commit more."""
    batches = [batch(round, step) for step in range(acknowledged + 1)]
    certain = replay({}, chain.from_iterable(batches[:-1]))
    possible = replay(certain, batches[-1])
    found = dict(store.load(list({change.id for each in batches for change in each})))
    assert found in (certain, possible), f"after {acknowledged} acknowledged commits"
    return found
