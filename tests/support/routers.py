"""Routers on scripted stores: a pytest plugin for the modules that name it."""

from collections.abc import Callable
from typing import Any

import pytest

from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.router.cookiestore import RouterCookieStore
from tests.support.protocols import Router
from tests.support.realm import principals

AUTH: dict[str, dict[str, Any]] = {
    "anonymous": {"type": "static", "role": "guest"},
    "cookie": {},
    "scripted": {},
    "ticket": principals("joe", "ann", "joe@realm2"),
}


@pytest.fixture
def make_router(
    make_store: Callable[..., Any], make_tracked: Callable[..., Any], reactor: Any
) -> Callable[..., Router]:
    """A function that makes routers over stores whose commits wait for a thread."""

    def make(
        methods: tuple[str, ...] = ("cookie", "ticket"),
        config: dict[str, Any] | None = None,
        reads_block: bool = False,
        sessions: Any = None,
        **cookie: Any,
    ) -> Router:
        tracked = make_tracked(make_store(reads_block, commits_block=True))
        cookies = RouterCookieStore(tracked.tracker, reactor, CookieSettings.of(cookie), methods)
        auth = {method: AUTH[method] for method in methods}
        config = {"auth": auth, "cookie": cookie, **(config or {})}
        return Router(cookies, tracked.store, config, sessions)

    return make


@pytest.fixture
def router(make_router: Callable[..., Router]) -> Router:
    return make_router()


@pytest.fixture
def store(router: Router) -> Any:
    """The store of `router`."""
    return router.store
