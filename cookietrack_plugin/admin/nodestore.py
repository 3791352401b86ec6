"""A store of a running node, as one that the command has opened by itself."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from zope.interface import alsoProvides, implementer

from cookietrack_plugin.admin.auditing import operator
from cookietrack_plugin.admin.batches import batched
from cookietrack_plugin.admin.place import Place
from cookietrack_plugin.admin.workersocket import WorkerStore, workers_with
from cookietrack_plugin.errors import CookieTrackError, StoreLocked
from cookietrack_plugin.interfaces import ICookieStore, IUserRevocation, IVerifiable
from cookietrack_plugin.nodesocket.wire import MAX_RECORDS, received
from cookietrack_plugin.record import Change, Cookie, Delete
from cookietrack_plugin.search.page import SearchPage
from cookietrack_plugin.search.selection import Selection

_FIRST = "0000:"


@contextmanager
def running_store(place: Place) -> Iterator["NodeStore | None"]:
    """
    The store, if workers of a running node have it open and nobody else can: within the block.

    :raises StoreUnavailable: they cannot be asked.
    """
    if not (place.provider.volatile or place.provider.exclusive):
        yield None
        return
    with workers_with(place) as workers:
        yield NodeStore(workers) if workers else None


@implementer(ICookieStore, IUserRevocation)
class NodeStore:
    """
    What the command does with it goes through the node: an end cuts connections at once. Where
    several workers have a store of their own (`memory`), it is all of these, one after the other.
    Records come without their authextra, except by `page`.
    """

    reads_block = True
    commits_block = True

    def __init__(self, workers: Sequence[WorkerStore]) -> None:
        self._workers = workers
        if all(worker.verifiable for worker in workers):
            alsoProvides(self, IVerifiable)

    def parts(self) -> list[tuple[str, "NodeStore"]]:
        """The store of each worker, by the worker's id."""
        return [(worker.worker, NodeStore([worker])) for worker in self._workers]

    def load(self, ids: Sequence[str]) -> Mapping[str, Cookie]:
        found: dict[str, Cookie] = {}
        for some in batched(ids, MAX_RECORDS):
            for answer in self._ask_all("load", ids=some, extra=True):
                found |= {cookie.id: cookie for cookie in received(answer["cookies"])}
        return found

    def commit(self, changes: Sequence[Change]) -> Sequence[bool]:
        """Deletes end sessions; no other change is made while a node runs."""
        ids = [change.id for change in changes if isinstance(change, Delete)]
        if len(ids) < len(changes):
            raise StoreLocked("a running node has it: stop the node first")
        try:
            there = self.load(ids)
        finally:
            # Of one that has not logged in, the worker may have a connection, and the store
            # nothing.
            for some in batched(ids, MAX_RECORDS):
                self._end("revoke", ids=some, operator=operator())
        return [change.id in there for change in changes]

    def expire(self, now: int, limit: int) -> int:
        """By the node's clock; `limit` for each worker."""
        return sum(answer["removed"] for answer in self._ask_all("expire", limit=limit))

    def page(
        self,
        cursor: str | None,
        limit: int,
        authid: str | None = None,
        authrealm: str | None = None,
    ) -> tuple[Sequence[Cookie], str | None]:
        """A cursor has the number of the worker in front of that worker's."""
        answer, following = self._ask_behind(
            cursor, "page", limit=limit, authid=authid, authrealm=authrealm
        )
        return received(answer["cookies"]), following

    def revoke_user(
        self, authid: str | None, authrealm: str | None, keep: Collection[str] = frozenset()
    ) -> int:
        user = {"authid": authid, "authrealm": authrealm, "keep": [*keep], "operator": operator()}
        return sum(answer["cookies"] for answer in self._end("revoke_user", **user))

    def stat(self) -> Mapping[str, Any]:
        """The numbers of one worker; of several workers, their sums."""
        first, *others = self._ask_all("stat")
        numbers = dict(first)
        for other in others:
            for name, value in other.items():
                numbers[name] = numbers.get(name, 0) + value if type(value) is int else value
        return numbers

    def damaged(self) -> Iterator[str]:
        """See `IVerifiable`, where the stores have that power; as many lines as an answer holds."""
        for answer in self._ask_all("damaged"):
            yield from answer["damaged"]

    def repair(self) -> int:
        """A running node goes on writing."""
        raise StoreLocked("it cannot be repaired while a node writes to it: stop the node first")

    def close(self) -> None:
        """Nothing is open: each request has a connection of its own."""

    def search_page(self, selection: Selection, cursor: str | None, limit: int) -> SearchPage:
        """See `search.page.search_page`: the workers search, and by their time."""
        answer, following = self._ask_behind(
            cursor, "search", selection=selection.texts(), limit=limit
        )
        return SearchPage(received(answer["cookies"]), answer["looked_at"], following)

    def count(self, selection: Selection) -> int:
        """How many records are meant."""
        number, cursor = 0, None
        while True:
            answer, cursor = self._ask_behind(cursor, "count", selection=selection.texts())
            number += answer["count"]
            if cursor is None:
                return number

    def _ask_behind(
        self, cursor: str | None, name: str, **request: Any
    ) -> tuple[Mapping[str, Any], str | None]:
        """The answer for what comes behind a cursor, and the next cursor."""
        number, _, within = (cursor or _FIRST).partition(":")
        place = int(number)
        if place >= len(self._workers):
            raise ValueError("no cursor of these workers")
        answer = self._workers[place].ask(name, cursor=within or None, **request)
        if answer["cursor"] is not None:
            return answer, f"{place:04}:{answer['cursor']}"
        following = place + 1
        return answer, f"{following:04}:" if following < len(self._workers) else None

    def _end(self, name: str, **request: Any) -> list[Mapping[str, Any]]:
        """As `_ask_all`, and those behind one that fails are asked all the same."""
        answers, failures = [], []
        for worker in self._workers:
            try:
                answers.append(worker.ask(name, **request))
            except CookieTrackError as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return answers

    def _ask_all(self, name: str, **request: Any) -> list[Mapping[str, Any]]:
        return [worker.ask(name, **request) for worker in self._workers]


def parts_of(store: ICookieStore) -> Iterable[tuple[str | None, ICookieStore]]:
    """
    The stores that a command tells apart: those of several workers, by their ids; else the store
    itself, by None.
    """
    if isinstance(store, NodeStore) and len(parts := store.parts()) > 1:
        return parts
    return [(None, store)]
