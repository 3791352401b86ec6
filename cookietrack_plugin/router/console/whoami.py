"""Who looks at the console, and what it is a console of."""

import os
from typing import Any

from cookietrack_plugin.router.console.trail import INSTANCE
from cookietrack_plugin.router.console.watched import WatchedStore
from cookietrack_plugin.router.guard.identity import GuardedIdentity


class Operator:
    """
    Answers who uses the console.

    :param worker: Crossbar's id of the worker.
    """

    def __init__(self, watched: WatchedStore, worker: str) -> None:
        self._watched = watched
        self._worker = worker

    def of(self, request: Any) -> dict[str, Any]:
        """The user of a request that a guard has let in, and the store and worker behind it."""
        who: GuardedIdentity = request.cookietrack
        return {
            "id": who.id,
            "authid": who.authid,
            "authrole": who.authrole,
            "authrealm": who.authrealm,
            "store": self._watched.label,
            "exclusive": self._watched.exclusive,
            "worker": self._worker,
            "process": os.getpid(),
            "instance": INSTANCE,
        }
