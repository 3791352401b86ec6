"""
The far end of a trial: a store in a process of its own, which is asked to perform steps.

A campaign opens it with `testing.process.StoreProcess`, which can kill it.
"""

import logging
import select
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from functools import cache
from importlib import import_module
from typing import Any

from attrs import evolve
from zope.interface import implementer

from campaign import preload
from campaign.steps import KNOWN, Commit, Expire, Records, RevokeUser, Step
from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.errors import ConfigError, StoreUnavailable
from cookietrack_plugin.interfaces import (
    ICookieStore,
    ICookieStoreProvider,
    INonBlockingCommit,
    IRevocationFeed,
    IUserRevocation,
    IVerifiable,
)
from cookietrack_plugin.record import Change, fenced_login
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.sql.faults import is_conflict

# Bytes from which on the `file` store compacts its file: histories are short.
_COMPACTS_FROM = 6_000
# Seconds between two questions for the answer to what was begun, as the plugin asks.
_ASK_S = 0.2


class Torn(Exception):
    """Two ways to read a store give two answers."""


class Performer:
    """An open store. `position` is what it knows of the store's feed."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._position: Any = None
        if IRevocationFeed.providedBy(store):
            self._position = store.revoked_since(None)[1]

    def perform(self, number: int, step: Step) -> Any:
        """What the step returns; `disk.c`'s log knows when it began, and when it was done."""
        preload.note(f"begin {number}")
        answer = self._perform(step)
        preload.note(f"done {number}")
        return answer

    def everything(self) -> Records:
        """All records, read in two ways."""
        walked = {cookie.id: cookie for cookie in records(self._store, limit=5)}
        loaded = dict(self._store.load(list(walked)))
        if walked != loaded:
            raise Torn(f"pages have {sorted(walked)}, of which load gives {sorted(loaded)}")
        return loaded

    def load(self, ids: Sequence[str]) -> Records:
        return dict(self._store.load(ids))

    def told(self) -> list[Any]:
        """What the feed has told since the last call."""
        found, self._position = self._store.revoked_since(self._position)
        return list(found)

    def damaged(self) -> int:
        """How much is, where the store can tell."""
        if not IVerifiable.providedBy(self._store):
            return 0
        return sum(1 for _ in self._store.damaged())

    def repair(self) -> int:
        return int(self._store.repair()) if IVerifiable.providedBy(self._store) else 0

    def close(self) -> None:
        self._store.close()

    def _perform(self, step: Step) -> Any:
        match step:
            case Commit(changes, unblocked):
                return self._commit([self._known(change) for change in changes], unblocked)
            case Expire(now):
                return self._store.expire(now, 1024)
            case RevokeUser(authid, authrealm, keep):
                assert IUserRevocation.providedBy(self._store)
                return self._store.revoke_user(authid, authrealm, keep)

    def _known(self, change: Change) -> Change:
        """A login that begins now: `KNOWN` stands for the position that this process knows."""
        login = fenced_login(change)
        return evolve(change, since=self._position) if login and login.since == KNOWN else change

    def _commit(self, changes: Sequence[Change], unblocked: bool) -> list[bool]:
        store = self._store
        if not (unblocked and INonBlockingCommit.providedBy(store) and store.begin(changes)):
            return list(store.commit(changes))
        while True:
            select.select([store.fileno()], [], [], _ASK_S)
            try:
                applied = store.finish()
            except StoreUnavailable as error:
                if not is_conflict(error.__cause__):
                    raise
                # Nothing was done: the plugin hands it to its writer thread.
                return list(store.commit(changes))
            if applied is not None:
                return list(applied)


class Examiner:
    """Opens one store after the other, and says what it found."""

    def __init__(self, store: Mapping[str, Any]) -> None:
        self._store = store

    def examine(
        self, node: str, steps: Sequence[Step]
    ) -> tuple[Records, Sequence[Any], Records | None]:
        """All records; the answers to `steps`, and all records once it is opened again."""
        with closing(self._open(node)) as performer:
            found = performer.everything()
            answers = [performer.perform(number, step) for number, step in enumerate(steps)]
        if not steps:
            return found, answers, None
        with closing(self._open(node)) as performer:
            return found, answers, performer.everything()

    def close(self) -> None:
        """There is nothing to close."""

    def _open(self, node: str) -> Performer:
        return Performer(provider_of(self._store).open(self._store, node))


@implementer(ICookieStoreProvider)
class PerformerProvider:
    """
    `{"store": {...}, "environment": {...}}`: a `Performer` of the store, whose `type` may also be
    `module:name`, in a process that has these variables: see `preload`. With `"examines": true` an
    `Examiner`, which opens the store when it is asked to.
    """

    summary = "for a campaign"
    volatile = False
    exclusive = False
    place = None
    opens = ICookieStore

    def check(self, options: Mapping[str, Any]) -> None:
        provider_of(options["store"]).check(options["store"])

    def open(self, options: Mapping[str, Any], node_dir: str) -> Any:
        # A store says of each damage and fault what it should: a thousand lines.
        logging.disable(logging.CRITICAL)
        if options.get("examines"):
            return Examiner(options["store"])
        preload.configure(options.get("environment", {}))
        preload.note("opening")
        _compact_often()
        performer = Performer(provider_of(options["store"]).open(options["store"], node_dir))
        preload.note("opened")
        return performer


@cache
def _installed(store_type: str) -> Any:
    return find_provider(store_type)


def provider_of(store: Mapping[str, Any]) -> Any:
    """The provider of a `store` item."""
    module, _, name = store["type"].partition(":")
    return getattr(import_module(module), name)() if name else _installed(module)


def _compact_often() -> None:
    from cookietrack_plugin.stores.file.compactor import Compactor

    Compactor.compacts_from = _COMPACTS_FROM


# Here, before processes are forked: each of them would take a second to import a driver.
for _type in ("file", "lmdb", "sql", "redis"):
    with suppress(ConfigError):
        _installed(_type)
