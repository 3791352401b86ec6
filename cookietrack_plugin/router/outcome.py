"""What a revocation has ended, for its caller: an operator, a user, or the command."""

from typing import Any

from autobahn.wamp.exception import ApplicationError
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from cookietrack_plugin.errors import CookieTrackError
from cookietrack_plugin.tracking.revocation import Ended

NOT_STORED = "cookietrack.error.not_stored_yet"


def counts(ending: Deferred[Ended]) -> Deferred[dict[str, int]]:
    """
    How much a revocation has ended, for its caller. Fails with an ApplicationError, `NOT_STORED`,
    if it is in force on this worker and not stored yet.
    """
    return ending.addCallbacks(
        lambda ended: {"cookies": ended.cookies, "connections": ended.connections}, _not_stored
    )


def _not_stored(failure: Failure) -> Any:
    """The log has the cause already: see `tracking.insistence`."""
    failure.trap(CookieTrackError)
    raise ApplicationError(
        NOT_STORED,
        "it is in force on this worker; as soon as the store accepts it, it is stored, and other"
        " workers know it",
    ) from None
