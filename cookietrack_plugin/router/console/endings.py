"""Ends sessions, as the WAMP procedures of operators do."""

from collections.abc import Mapping
from typing import Any

from autobahn.wamp.exception import ApplicationError
from twisted.internet.defer import Deferred, inlineCallbacks

from cookietrack_plugin.audit.entry import Actor, By
from cookietrack_plugin.record import MAX_KEPT_IDS
from cookietrack_plugin.router import arguments
from cookietrack_plugin.router.console.refusals import WrongQuery
from cookietrack_plugin.router.console.watched import WatchedStore
from cookietrack_plugin.router.guard.identity import GuardedIdentity
from cookietrack_plugin.router.outcome import NOT_STORED, counts
from cookietrack_plugin.tracking.revocation import Ended

# The most sessions that one request ends by their ids.
MAX_IDS = 1000
_KINDS = ("ids", "user", "everybody")


class Endings:
    """Ends sessions of the watched store. On the reactor's thread."""

    def __init__(self, watched: WatchedStore) -> None:
        self._watched = watched

    @inlineCallbacks
    def end(self, what: Mapping[str, Any], operator: GuardedIdentity) -> Any:
        """
        End sessions, a user's, or everybody's.

        :param what: one of `ids`, `user` and `everybody`; `keep`: ids that are spared by the latter
            two.
        :returns: a Deferred with how many were ended, and whether that is `stored`.
        """
        ended = self._begin(what, Actor(By.OPERATOR, operator.authid, operator.authrealm))
        try:
            numbers = yield counts(ended)
        except ApplicationError as error:
            if error.error != NOT_STORED:
                raise
            return {"stored": False, "message": str(error.args[0])}
        return {"stored": True, **numbers}

    def _begin(self, what: Mapping[str, Any], actor: Actor) -> Deferred[Ended]:
        kinds = [key for key in _KINDS if key in what]
        # Who names ids and spares some of them may have meant either.
        others = {"keep"} if kinds != ["ids"] else set()
        if len(kinds) != 1 or what.keys() - {*kinds, *others}:
            raise WrongQuery(
                f"expected one of {', '.join(_KINDS)}, and keep beside the latter two, found"
                " something else"
            )
        tracker = self._watched.tracker()
        if kinds == ["ids"]:
            return tracker.revoke(_ids(what, "ids", MAX_IDS), actor)
        keep = frozenset(_ids(what, "keep", MAX_KEPT_IDS))
        return tracker.revoke_user(*_user(what), keep, actor)


def _user(what: Mapping[str, Any]) -> tuple[str | None, str | None]:
    if "everybody" in what:
        if what["everybody"] is not True:
            raise WrongQuery("everybody: expected true, found something else")
        return None, None
    user = what["user"]
    if not isinstance(user, Mapping) or set(user) - {"authid", "authrealm"}:
        raise WrongQuery("user: expected a mapping with authid and authrealm")
    return (
        arguments.name("authid", user.get("authid")),
        arguments.optional_name("authrealm", user.get("authrealm")),
    )


def _ids(what: Mapping[str, Any], key: str, most: int) -> list[str]:
    ids = what.get(key, [])
    if not isinstance(ids, list) or len(ids) > most or (key == "ids" and not ids):
        raise WrongQuery(f"{key}: expected a list of at most {most} ids, found something else")
    return arguments.ids(ids)
