"""Routers on scripted stores: a pytest plugin for the modules that name it."""

from collections.abc import Callable
from typing import Any

import pytest

from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.router.cookiestore import RouterCookieStore
from tests.support.protocols import Router


@pytest.fixture
def make_router(
    make_store: Callable[..., Any], make_tracked: Callable[..., Any], reactor: Any
) -> Callable[..., Router]:
    """A function that makes routers over stores whose commits wait; `store` is one of them."""

    def make(
        methods: tuple[str, ...] = ("cookie", "ticket"),
        config: dict[str, Any] | None = None,
        reads_block: bool = False,
        **cookie: Any,
    ) -> Router:
        tracked = make_tracked(make_store(reads_block, commits_block=True))
        store = RouterCookieStore(tracked.tracker, reactor, CookieSettings.of(cookie), methods)
        config = {"auth": {method: {} for method in methods}, "cookie": cookie, **(config or {})}
        return Router(store, reactor, config)

    return make


@pytest.fixture
def router(make_router: Callable[..., Router]) -> Router:
    return make_router()
