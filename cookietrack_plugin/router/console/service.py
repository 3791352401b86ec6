"""`{"type": "cookietrack-console"}`: the path service, which stands behind a guard."""

from collections.abc import Mapping
from typing import Any

from crossbar.common.checkconfig import InvalidConfigException
from crossbar.webservice.base import RouterWebService

from cookietrack_plugin.config.consoles import require_operators
from cookietrack_plugin.config.guard import GuardSettings
from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.router.console.api import Api
from cookietrack_plugin.router.console.resource import ConsoleResource
from cookietrack_plugin.router.console.watched import WatchedStore
from cookietrack_plugin.router.console.whoami import Operator
from cookietrack_plugin.router.guard.service import guard_items
from cookietrack_plugin.router.optionless import check_optionless
from cookietrack_plugin.router.stores import open_stores
from cookietrack_plugin.router.web.root import rooted
from cookietrack_plugin.search.devicename import device_name


def check_console_service(personality: Any, config: Mapping[str, Any]) -> None:
    """
    Check a `cookietrack-console` path service, which has no options: its store is that of the
    guard. Where it stands is checked with the whole node, and when it is made.

    :raises InvalidConfigException: it has options.
    """
    check_optionless(config, "console service")


class ConsoleService(RouterWebService):
    """A console of the store of the innermost guard before it."""

    @staticmethod
    def create(transport: Any, path: str, config: Mapping[str, Any]) -> "ConsoleService":
        check_console_service(transport.worker.personality, config)
        guards = guard_items(transport)
        try:
            require_operators(guards)
        except ConfigError as error:
            raise InvalidConfigException(str(error)) from error
        cookie = CookieSettings.of(GuardSettings.of(guards[-1]).cookie)
        watched = WatchedStore(open_stores(transport.cbdir), cookie.store)
        # Load the table of devices now, so that the first request does not wait for it.
        watched.off_reactor(lambda: device_name("Mozilla/5.0"))
        operator = Operator(watched, str(transport.worker.config.extra.worker))
        resource = ConsoleResource(Api(watched, operator))
        return ConsoleService(transport, path, config, rooted(resource, path))
