"""`{"type": "cookietrack-guard"}`: the path service, at start, nested, and started at run time."""

from collections.abc import Mapping
from typing import Any

from crossbar.common.checkconfig import InvalidConfigException
from crossbar.webservice.base import RouterWebService
from twisted.internet.defer import inlineCallbacks, maybeDeferred
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from cookietrack_plugin.config.guard import GuardSettings, check_guard_item
from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.router.guard.decision import Guard
from cookietrack_plugin.router.guard.denial import Refusal, deny
from cookietrack_plugin.router.guard.resource import GuardResource
from cookietrack_plugin.router.names import cookie_names
from cookietrack_plugin.router.prepared import taken
from cookietrack_plugin.router.stores import open_stores
from cookietrack_plugin.router.web.identityheaders import identity_names


def check_guard_service(personality: Any, config: Mapping[str, Any]) -> None:
    """
    Check a `cookietrack-guard` path service, and by the personality's checker the service behind.

    :raises InvalidConfigException: with the message of the `ConfigError` that is its cause.
    """
    try:
        settings = check_guard_item(config)
    except ConfigError as error:
        raise InvalidConfigException(str(error)) from error
    personality.check_web_path_service(personality, "/", settings.path, True)


class GuardedTransport:
    """
    A transport as services behind a guard see it. `guard_items`: the items of the guards that their
    requests pass, outermost first.
    """

    def __init__(self, transport: Any, item: Mapping[str, Any]) -> None:
        self._transport = transport
        self.guard_items = (*guard_items(transport), item)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def guard_items(transport: Any) -> tuple[Mapping[str, Any], ...]:
    """The items of the guards before what is being made on a transport."""
    return getattr(transport, "guard_items", ())


class GuardService(RouterWebService):
    """A guard, and behind it the service that the personality makes for its `path`."""

    @staticmethod
    @inlineCallbacks
    def create(transport: Any, path: str, config: Mapping[str, Any]) -> Any:
        if prepared := taken(transport, path, config):
            return prepared
        personality = transport.worker.personality
        check_guard_service(personality, config)
        settings = GuardSettings.of(config)
        cookie = CookieSettings.of(settings.cookie)
        cookie_names.add([cookie.name])
        identity_names.add(settings.names.values())
        awaited = open_stores(transport.cbdir).awaited(cookie.store)
        yield awaited.started()
        factory = personality.WEB_SERVICE_FACTORIES[settings.path["type"]]
        guarded = GuardedTransport(transport, config)
        service = yield maybeDeferred(factory.create, guarded, path, settings.path)
        transport.guards.present = True
        resource = GuardResource(Guard(settings, awaited), service.resource)
        return GuardService(transport, path, config, resource)


class ClosedResource(Resource):
    """
    Stands in for a guard until Crossbar has started it, and answers 503: a service at `/` could
    have the same files.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call,unused-ignore]

    def render(self, request: Any) -> int:
        deny(request, Refusal.NO_ANSWER)
        return NOT_DONE_YET
