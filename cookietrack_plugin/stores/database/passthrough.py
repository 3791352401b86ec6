"""Crossbar's database-backed cookie store as an `IRouterCookieStore`."""

from collections.abc import Collection, Mapping
from copy import copy
from typing import Any

from crossbar.router.cookiestore import CookieStoreDatabaseBacked
from zope.interface import implementer

from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.interfaces import IRouterCookieStore


@implementer(IRouterCookieStore)
class CrossbarDatabase(CookieStoreDatabaseBacked):
    """Opened once for each path; every transport gets a view with its own name, length and age."""

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
