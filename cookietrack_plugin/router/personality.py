"""Node personalities with cookie stores of ours, and the mixin to make more of them."""

from collections.abc import Sequence
from typing import Any

from crossbar.common.checkconfig import InvalidConfigException

from cookietrack_plugin.config.check import check_node
from cookietrack_plugin.config.consoles import CONSOLE
from cookietrack_plugin.config.guard import GUARD
from cookietrack_plugin.config.settings import check_cookie_item
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.router.console.service import ConsoleService, check_console_service
from cookietrack_plugin.router.guard.service import GuardService, check_guard_service
from cookietrack_plugin.router.node import with_cookie_names
from cookietrack_plugin.router.prometheus import MetricsService, check_metrics_service
from cookietrack_plugin.router.proxy import with_cookie_proxy
from cookietrack_plugin.router.reverseproxy import CookieReverseProxyService
from cookietrack_plugin.router.transport import create_router_transport
from cookietrack_plugin.router.web.proxied import ProxiedService
from cookietrack_plugin.router.web.wsgi import WsgiService
from cookietrack_plugin.router.webservice import CookieWebSocketService, NestedPathService

METRICS = "cookietrack-metrics"


def check_transport_cookie(personality: Any, cookie: Any, ignore: Sequence[str] = ()) -> None:
    """
    Replaces Crossbar's function of this name, in which every check of a `cookie` item ends.

    :raises InvalidConfigException: with the message of the `ConfigError` that is its cause.
    """
    try:
        check_cookie_item(cookie)
    except ConfigError as error:
        raise InvalidConfigException(str(error)) from error


def check_config(personality: Any, config: Any) -> None:
    """
    Check a node's configuration, for `check` and at start: what concerns cookies first, with the
    names of transports and components, and then all that Crossbar checks.

    :raises InvalidConfigException: with the message of the `ConfigError` that is its cause, or with
        all warnings, where they are errors.
    """
    try:
        warnings = check_node(config)
    except ConfigError as error:
        raise InvalidConfigException(str(error)) from error
    if not personality.warnings_are_errors:
        for warning in warnings:
            personality.log.warn("{warning}", warning=warning)
    super(CookieTracking, personality).check_config(personality, config)
    if warnings and personality.warnings_are_errors:
        raise InvalidConfigException("\n".join(["warnings are errors here:", *warnings]))


class CookieTracking:
    """
    Makes a personality cookie-aware: `class Mine(CookieTracking, Personality): ...`. It has to
    stand in a module that workers can import; `launcher.run_node("a.module.Mine", ...)` starts it.
    """

    # Of the personality that it is mixed into.
    WEB_SERVICE_CHECKERS: dict[str, Any]
    WEB_SERVICE_FACTORIES: dict[str, Any]
    native_workers: dict[str, Any]
    Node: type

    # Whether what `check` warns of is refused: `crossbar-cookietrack check --strict`.
    warnings_are_errors = False

    check_config = check_config
    check_transport_cookie = check_transport_cookie
    create_router_transport = create_router_transport

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.WEB_SERVICE_CHECKERS = {
            **cls.WEB_SERVICE_CHECKERS,
            CONSOLE: check_console_service,
            GUARD: check_guard_service,
            METRICS: check_metrics_service,
        }
        cls.WEB_SERVICE_FACTORIES = {
            **cls.WEB_SERVICE_FACTORIES,
            CONSOLE: ConsoleService,
            GUARD: GuardService,
            METRICS: MetricsService,
            "path": NestedPathService,
            "reverseproxy": ProxiedService,
            "websocket": CookieWebSocketService,
            "websocket-reverseproxy": CookieReverseProxyService,
            "wsgi": WsgiService,
        }
        cls.Node = with_cookie_names(cls.Node)
        cls.native_workers = with_cookie_proxy(cls.native_workers)
