"""WAMP procedures and events about cookies, as a component for the node configuration."""

from collections.abc import Callable, Mapping
from typing import Any

from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import CloseDetails, PublishOptions, RegisterOptions, SessionDetails
from twisted.internet import reactor
from twisted.internet.defer import Deferred, inlineCallbacks, maybeDeferred
from twisted.python.failure import Failure

from cookietrack_plugin.config.components import check_extra
from cookietrack_plugin.errors import CookieTrackError
from cookietrack_plugin.router import arguments
from cookietrack_plugin.router.administered import AdministeredStore
from cookietrack_plugin.router.devices import SESSION_GET, DeviceProcedures
from cookietrack_plugin.router.operators import OperatorProcedures
from cookietrack_plugin.router.stores import open_stores
from cookietrack_plugin.tracking.events import Event, Kind
from cookietrack_plugin.tracking.tracker import Tracker

PREFIX = "cookietrack."
PUBLISHED = (Kind.CREATED, Kind.AUTHENTICATED, Kind.REVOKED, Kind.EXPIRED)
UNAVAILABLE = "cookietrack.error.store_unavailable"
NOT_STARTED = "cookietrack.error.component_not_started"


class CookieAdministration(ApplicationSession):
    """
    `cookietrack.*` for the operator's application, `cookietrack.my.*` for users and their own
    devices. Answers have ids, never values.

    `extra.store` is the `store` item that is administered; it can be left out where the component's
    worker has exactly one store open. Who may call what is a matter of the realm's roles.
    """

    _details: SessionDetails
    _tracker: Tracker | None = None
    _is_refused = False

    @staticmethod
    def check_config(personality: Any, extra: Mapping[str, Any]) -> None:
        """
        Called by Crossbar before it starts the component, also at run time.

        :raises ConfigError: naming what is wrong in `extra`.
        """
        check_extra(extra)

    @inlineCallbacks
    def onJoin(self, details: SessionDetails) -> Any:
        """
        Register everything, and begin to open the store if one is named: a procedure that is called
        earlier waits for it.
        """
        self._details = details
        options = self.config.extra.get("store")
        store = AdministeredStore(open_stores(self.config.extra["cbdir"]), options)
        for name, procedure in self._procedures(store, details.realm).items():
            try:
                yield self.register(procedure, name, RegisterOptions(details_arg="details"))
            except ApplicationError as error:
                self._fail(self._refusal("register", name, PREFIX, error))
                # Crossbar takes a component for ready when its onJoin ends, with an error too.
                yield Deferred()
        if options is not None:
            store.opened(options).addCallbacks(self._publish_from, self._not_opened)
        yield self._check_session_get()

    @inlineCallbacks
    def _check_session_get(self) -> Any:
        """Log now what users' own procedures lack, before the first user calls one."""
        try:
            yield self.call(SESSION_GET, self._details.session)
        except ApplicationError as error:
            cause = self._refusal("call", SESSION_GET, SESSION_GET, error)
            self.log.warn("users cannot see their devices: {cause}", cause=cause)

    def _procedures(self, store: AdministeredStore, realm: str) -> dict[str, Callable[..., Any]]:
        """By name, with their arguments checked, and without a store's faults in their errors."""
        operators = OperatorProcedures(store, realm).by_name()
        devices = DeviceProcedures(store, self, realm).by_name()
        return {
            f"{PREFIX}{name}": self._guarded(f"{PREFIX}{name}", arguments.checked(procedure))
            for name, procedure in {**operators, **devices}.items()
        }

    def _guarded(self, name: str, procedure: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            return maybeDeferred(procedure, *args, **kwargs).addErrback(self._store_failed, name)

        return call

    def _store_failed(self, failure: Failure, name: str) -> None:
        """Log a store's fault, and keep it and the store's place from callers."""
        failure.trap(CookieTrackError)
        self.log.error("{name} failed: {cause}", name=name, cause=failure.value)
        raise ApplicationError(UNAVAILABLE, "the cookie store cannot answer now") from None

    def _fail(self, cause: str) -> None:
        """Log one line, and leave."""
        self.log.error("cookies cannot be administered: {cause}", cause=cause)
        # Not in this call: a router may still be making its side of this session.
        reactor.callFromThread(self.leave, NOT_STARTED, cause)  # type: ignore[attr-defined]

    def _not_opened(self, failure: Failure) -> None:
        self._fail(str(failure.value))

    def _publish_from(self, tracker: Tracker) -> None:
        if self.is_attached():
            self._tracker = tracker
            tracker.events.subscribe(self._publish)

    def _publish(self, event: Event) -> None:
        if event.kind in PUBLISHED and self.is_attached():
            topic = f"{PREFIX}on_{event.kind.value}"
            payload = {"id": event.id, "authid": event.authid, "authrealm": event.authrealm}
            published = self.publish(topic, payload, options=PublishOptions(acknowledge=True))
            published.addErrback(self._not_published, topic)

    def _not_published(self, failure: Failure, topic: str) -> None:
        """Log it once: the permission that lacks is the same for all events."""
        if failure.check(ApplicationError) and not self._is_refused:
            self._is_refused = True
            cause = self._refusal("publish", topic, PREFIX, failure.value)
            self.log.error("events are not published: {cause}", cause=cause)

    def onUserError(self, fail: Any, msg: str) -> None:
        """Leave callers' mistakes out of the log: their callers get them."""
        if not isinstance(fail.value, ApplicationError):
            super().onUserError(fail, msg)

    def onLeave(self, details: CloseDetails) -> Any:
        """Stop publishing."""
        if self._tracker is not None:
            self._tracker.events.unsubscribe(self._publish)
        if details.reason == NOT_STARTED:
            # Already logged, and Autobahn would log it again.
            details = CloseDetails(CloseDetails.REASON_DEFAULT, details.message)
        return super().onLeave(details)

    def _refusal(self, action: str, name: str, uri: str, error: ApplicationError) -> str:
        """Why the component cannot `action` the `name`, and which permission for `uri` it lacks."""
        refused = f"the component cannot {action} {name}"
        if error.error != ApplicationError.NOT_AUTHORIZED:
            return f"{refused}: {error.error_message()}"
        role, realm = self._details.authrole, self._details.realm
        return (
            f'{refused}: its role "{role}" in realm "{realm}" lacks "allow": {{"{action}": true}}'
            f' for "{uri}"'
        )
