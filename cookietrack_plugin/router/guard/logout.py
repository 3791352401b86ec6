"""A POST that ends the session of its cookie, as a logout over WAMP does."""

from functools import partial
from typing import Any
from urllib.parse import quote

from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.router.guard.decision import Guard
from cookietrack_plugin.router.guard.denial import Refusal, deny, location, send_to, wants_page
from cookietrack_plugin.router.guard.once import Once
from cookietrack_plugin.tracking.visits import Visit

NO_CONTENT = 204


class LogOut:
    """Answers the logout path of one guard."""

    log = make_logger()

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._settings = guard.settings
        assert guard.settings.logout is not None
        self._segments = [guard.settings.logout.lstrip("/").encode()]

    def is_meant(self, request: Any) -> bool:
        """Whether a request is for this path, which nothing behind the guard sees."""
        return bool(request.postpath == self._segments)

    def begin(self, request: Any, visit: Visit) -> None:
        """End the session of a request that was let in; answered once that is durable."""
        if request.method != b"POST":
            request.setHeader(b"Allow", b"POST")
            deny(request, Refusal.NO_METHOD)
            return
        store = self._guard.store()
        assert store is not None
        id = visit.admission.cookie.id
        question: Once[str | None] = Once(partial(self._answer, request, id))
        # This connection goes on, so that the client has its answer.
        revoked = store.tracker.log_out(visit.connection)
        revoked.addCallbacks(
            lambda _: question.answer(None), lambda failure: question.answer(str(failure.value))
        )
        revoked.addErrback(self._failed)
        question.give_time(store.reactor, "the store does not answer")

    def _answer(self, request: Any, id: str, fault: str | None) -> None:
        if fault is not None:
            # It is in force on this worker, which tries again until it is stored.
            self.log.error("cookie {id}: a logout is not stored yet: {cause}", id=id, cause=fault)
        if request.lost:
            return
        if fault is not None:
            deny(request, Refusal.NO_ANSWER)
        else:
            self._say_goodbye(request)

    def _say_goodbye(self, request: Any) -> None:
        request.setHeader(b"Cache-Control", b"no-store")
        if self._settings.clear_site_data:
            request.setHeader(b"Clear-Site-Data", b'"cookies"')
        target = self._settings.denied.get("redirect")
        if target is not None and wants_page(request):
            # Come back to the guarded path, and not to the logout.
            guarded = quote(b"/" + b"/".join(request.prepath)).encode()
            send_to(request, location(target, guarded))
        else:
            request.reply(NO_CONTENT, b"")

    def _failed(self, failure: Failure) -> None:
        self.log.failure("a logout failed: {log_failure.value}", failure=failure)
