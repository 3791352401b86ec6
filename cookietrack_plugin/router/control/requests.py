"""Answers the command's requests to a worker, each by the tracker of the store that it names."""

import os
from collections.abc import Callable, Mapping
from json import loads
from typing import Any, Protocol

from attrs import evolve
from autobahn.wamp.exception import ApplicationError
from twisted.internet.defer import Deferred, inlineCallbacks

from cookietrack_plugin.access.deferreds import gathered
from cookietrack_plugin.audit.entry import Actor, By
from cookietrack_plugin.config.location import path_of
from cookietrack_plugin.config.redaction import label_of
from cookietrack_plugin.config.sharing import store_digest
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.nodesocket.wire import MAX_DAMAGES, MAX_RECORDS, WrongRequest, sent
from cookietrack_plugin.record import Cookie, is_id
from cookietrack_plugin.router.outcome import counts
from cookietrack_plugin.search.page import MAX_LIMIT
from cookietrack_plugin.search.selection import Selection
from cookietrack_plugin.stores.kit.wording import type_of
from cookietrack_plugin.tracking.tracker import Tracker

Request = Mapping[str, Any]


class Stores(Protocol):
    """The stores that a worker has open: see `OpenStores`."""

    reactor: Any

    def trackers(self) -> dict[str, Tracker]:
        """By the stores' items as JSON."""

    def away(self) -> list[str]:
        """The items of those that could not be opened yet."""


class Requests:
    """
    Answers requests on the stores that a worker has open. On the reactor's thread.

    :param worker: its id.
    :param node_dir: where the relative paths of stores begin.
    """

    def __init__(self, stores: Stores, worker: str, node_dir: str) -> None:
        self._stores = stores
        self._worker = worker
        self._node_dir = node_dir
        self._by_name: dict[str, Callable[[Tracker, Request], Any]] = {
            "load": _load,
            "page": _page,
            "search": _search,
            "count": _count,
            "stat": lambda tracker, _: tracker.stat(),
            "damaged": _damaged,
            "revoke": _revoke,
            "revoke_user": _revoke_user,
            "expire": _expire,
        }

    @inlineCallbacks
    def answer(self, request: Request) -> Any:
        """
        The answer to a request, any but `watch`: a Deferred with a mapping. It fails as the store
        does, and with `WrongRequest`.
        """
        name = request.get("do")
        if name == "stores":
            return self._list_stores()
        if not isinstance(name, str) or name not in self._by_name:
            known = ", ".join(["stores", *self._by_name, "watch"])
            raise WrongRequest(f"do: expected one of {known}")
        try:
            answer = yield self._by_name[name](self.tracker(request), request)
        except ApplicationError as error:
            # An end that is in force and not stored yet.
            raise StoreUnavailable(error.args[0]) from error
        return dict(answer)

    def tracker(self, request: Request) -> Tracker:
        """
        The tracker of the store that a request names.

        :raises StoreUnavailable: it is not open.
        """
        named = request.get("store")
        for key, tracker in self._stores.trackers().items():
            if store_digest(loads(key)) == named:
                return tracker
        for key in self._stores.away():
            if store_digest(loads(key)) == named:
                raise StoreUnavailable("the store of this worker is away")
        raise StoreUnavailable("the worker does not have this store open")

    def _list_stores(self) -> dict[str, Any]:
        opened = {key: each.stored.is_verifiable for key, each in self._stores.trackers().items()}
        known = {**dict.fromkeys(self._stores.away(), False), **opened}
        stores = [self._described(loads(key), known[key]) for key in known]
        return {"worker": self._worker, "pid": os.getpid(), "stores": stores}

    def _described(self, options: Mapping[str, Any], verifiable: bool) -> dict[str, Any]:
        return {
            "store": store_digest(options),
            "label": label_of(options, self._node_dir),
            "path": path_of(options, self._node_dir),
            "verifiable": verifiable,
        }


@inlineCallbacks
def _load(tracker: Tracker, request: Request) -> Any:
    """Records by their ids, expired ones as well, with the authextra if that is asked for."""
    ids = _ids(request)
    found = yield gathered([tracker.stored.load(id) for id in ids])
    cookies = [cookie for cookie in found if cookie is not None]
    if not request.get("extra"):
        cookies = list(map(_without_extra, cookies))
    return {"cookies": (yield _sent(tracker, cookies))}


@inlineCallbacks
def _page(tracker: Tracker, request: Request) -> Any:
    """Everything of all records, or of a user's, for a backup."""
    user = _text(request, "authid"), _text(request, "authrealm")
    cursor, limit = _text(request, "cursor"), _limit(request)
    cookies, following = yield tracker.stored.page(cursor, limit, *user)
    return {"cookies": (yield _sent(tracker, cookies)), "cursor": following}


@inlineCallbacks
def _search(tracker: Tracker, request: Request) -> Any:
    """A page of the records that are meant, without their authextra."""
    cursor, limit = _text(request, "cursor"), _limit(request)
    page = yield tracker.search(_selection(request), cursor, limit)
    cookies = yield _sent(tracker, list(map(_without_extra, page.cookies)))
    return {"cookies": cookies, "looked_at": page.looked_at, "cursor": page.cursor}


@inlineCallbacks
def _count(tracker: Tracker, request: Request) -> Any:
    """How many records such a page has, which is as long as the time of a request allows."""
    page = yield tracker.search(_selection(request), _text(request, "cursor"), MAX_LIMIT)
    return {"count": len(page.cookies), "looked_at": page.looked_at, "cursor": page.cursor}


@inlineCallbacks
def _damaged(tracker: Tracker, request: Request) -> Any:
    return {"damaged": (yield tracker.stored.damaged(MAX_DAMAGES))}


@inlineCallbacks
def _expire(tracker: Tracker, request: Request) -> Any:
    return {"removed": (yield tracker.stored.expire(_limit(request)))}


def _revoke(tracker: Tracker, request: Request) -> Deferred[dict[str, int]]:
    return counts(tracker.revoke(_ids(request), _operator(request)))


def _revoke_user(tracker: Tracker, request: Request) -> Deferred[dict[str, int]]:
    """All of a user's, but for the cookies with the ids in `keep`."""
    # Null is anybody: who leaves it out may have misspelt it.
    if "authid" not in request:
        raise WrongRequest("authid: expected a string or null, found nothing")
    user = _text(request, "authid"), _text(request, "authrealm")
    keep = frozenset(_ids(request, "keep") if "keep" in request else ())
    return counts(tracker.revoke_user(*user, keep, _operator(request)))


def _sent(tracker: Tracker, cookies: list[Cookie]) -> Deferred[list[list[str]]]:
    return tracker.stored.made(lambda: sent(cookies))


def _without_extra(cookie: Cookie) -> Cookie:
    if cookie.auth is None or cookie.auth.authextra is None:
        return cookie
    return evolve(cookie, auth=evolve(cookie.auth, authextra=None))


def _operator(request: Request) -> Actor:
    return Actor(By.OPERATOR, _text(request, "operator"))


def _selection(request: Request) -> Selection:
    given = request.get("selection", {})
    if not isinstance(given, Mapping):
        raise WrongRequest(f"selection: expected a mapping, found {type_of(given)}")
    try:
        return Selection.parse(given)
    except ValueError as error:
        raise WrongRequest(str(error)) from error


def _ids(request: Request, name: str = "ids") -> list[str]:
    found = request.get(name)
    if isinstance(found, list) and len(found) <= MAX_RECORDS and all(map(is_id, found)):
        return found
    raise WrongRequest(f"{name}: expected a list of at most {MAX_RECORDS} ids")


def _text(request: Request, name: str) -> str | None:
    found = request.get(name)
    if found is None or isinstance(found, str):
        return found
    raise WrongRequest(f"{name}: expected a string or null, found {type_of(found)}")


def _limit(request: Request) -> int:
    found = request.get("limit", MAX_RECORDS)
    if type(found) is int and found >= 1:
        return min(found, MAX_RECORDS)
    raise WrongRequest("limit: expected an integer from 1 on")
