"""The audit logs that a worker writes: one for each file, and Crossbar's own."""

import json
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred, DeferredList

from cookietrack_plugin.audit.entry import Entry
from cookietrack_plugin.config.audit import AuditSettings
from cookietrack_plugin.config.listeners import Tracking
from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.config.sharing import store_digest
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.router.workerenv import with_variable
from cookietrack_plugin.tracking.trail import FileTrail, LogTrail, Trail

# Set by the node for each of its workers: the `audit` items of a store bind all workers that have
# it open, also one that administers it without a transport of its own.
VARIABLE = "COOKIETRACK_AUDITS"


def with_audits(env: Mapping[str, Any], found: Iterable[Tracking]) -> Mapping[str, Any]:
    """
    The `env` item of a worker's options, with the `audit` items of a configuration in its
    variables. Wrong `cookie` items are skipped.
    """
    audits: dict[str, list[Mapping[str, Any]]] = {}
    for tracking in found:
        with suppress(ConfigError):
            settings = CookieSettings.of(tracking.cookie)
            if settings.audit is not None:
                audits.setdefault(store_digest(settings.store), []).append(settings.audit)
    return with_variable(env, VARIABLE, json.dumps(audits)) if audits else env


class Trails:
    """
    The audit logs of a worker. Each is opened when a transport first names it. On the reactor's
    thread.

    :param node_dir: where relative paths begin.
    """

    def __init__(self, reactor: Any, node_dir: str) -> None:
        self._reactor = reactor
        self._node_dir = node_dir
        self._trails: dict[str | None, Trail] = {}
        self._is_closed = False

    def trail(self, settings: AuditSettings) -> Trail:
        """The trail of an `audit` item. Of several items for one file, the strictest binds."""
        path = settings.path(self._node_dir)
        trail = self._trails.get(path)
        if trail is None:
            trail = LogTrail() if path is None else FileTrail(path, self._reactor)
            self._trails[path] = trail
            # A file that cannot be written is then logged at once, and not at the first login.
            _note(trail, "started")
        trail.required = trail.required or settings.required
        return trail

    def of_store(self, options: Mapping[str, Any]) -> list[Trail]:
        """The trails that the node's configuration names for a store."""
        items = json.loads(os.environ.get(VARIABLE, "{}")).get(store_digest(options), [])
        return [self.trail(AuditSettings.of(item)) for item in items]

    def close(self) -> Deferred[Any]:
        """Fires when all lines are written, or cannot be. Idempotent."""
        if not self._is_closed:
            self._is_closed = True
            for trail in self._trails.values():
                _note(trail, "stopped")
        return DeferredList([trail.close() for trail in self._trails.values()])


def _note(trail: Trail, event: str) -> None:
    entry = Entry(int(time.time() * 1000), event, reason=f"process {os.getpid()}")
    # The trail logs a failure.
    trail.write(entry.line()).addErrback(lambda _: None)
