"""Crossbar's database-backed cookie store as an `IRouterCookieStore`."""

from collections.abc import Collection, Mapping
from copy import copy
from typing import Any

from crossbar.router.cookiestore import CookieStoreDatabaseBacked
from zope.interface import implementer

from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.interfaces import IRouterCookieStore


class _WithoutDebug:
    """A logger without its `debug` lines."""

    def __init__(self, log: Any) -> None:
        self._log = log

    def __getattr__(self, level: str) -> Any:
        return getattr(self._log, level)

    def debug(self, text: str = "", **fields: Any) -> None:
        pass


@implementer(IRouterCookieStore)
class CrossbarDatabase(CookieStoreDatabaseBacked):
    """Opened once for each path; every transport gets a view with its own name, length and age."""

    # They show the values of other listeners' cookies, which clients present here as well.
    log = _WithoutDebug(CookieStoreDatabaseBacked.log)

    def for_transport(
        self, cookie: Mapping[str, Any], methods: Collection[str]
    ) -> "CrossbarDatabase":
        settings = CookieSettings.of(cookie)
        view = copy(self)
        view._config = cookie
        view._cookie_id_field = settings.name
        view._cookie_id_field_length = settings.length
        view._cookie_max_age = settings.max_age
        return view

    def close(self) -> None:
        # zLMDB shares its environments within a process and closes them with it.
        pass
