"""Limits of users and logins that are configured, valid, and without effect."""

from collections.abc import Iterable, Iterator
from typing import Any

from cookietrack_plugin.config.advice import NO_LOGIN
from cookietrack_plugin.config.lifespan import UNBOUNDED_S, Lifespan
from cookietrack_plugin.config.listeners import Tracking, items, mapping, workers
from cookietrack_plugin.config.rolelifetimes import lifetimes_of
from cookietrack_plugin.config.settings import CookieSettings


def warnings(content: Any, transports: Iterable[Tracking]) -> list[str]:
    """
    A sentence each, with the transport that it is about. The items are right ones.

    :param content: the configuration of the node that the transports are of.
    """
    roles = _roles_in(content)
    return [
        f"{each.name}: {warning}"
        for each in transports
        for warning in _of_transport(each, CookieSettings.of(each.cookie), roles)
    ]


def _of_transport(
    transport: Tracking, settings: CookieSettings, roles: frozenset[str]
) -> Iterator[str]:
    methods = set(mapping(transport.transport.get("auth")))
    if settings.max_sessions is not None and not ("cookie" in methods and methods - NO_LOGIN):
        yield (
            '"max_sessions" counts the logins that are kept, and this transport keeps none: it'
            ' needs "cookie" and another method in "auth"'
        )
    for name in settings.lifetimes:
        if roles and name not in roles:
            yield f'"lifetimes" has "{name}", and no realm of this node has such a role'
    for name, lifetime in lifetimes_of(settings.lifetimes).items():
        if not _binds(lifetime, settings):
            yield f'"lifetimes" of "{name}" end no login before its cookie ends'


def _binds(lifetime: Lifespan, settings: CookieSettings) -> bool:
    """Whether it may end a login before all else that the item has ends its cookie."""
    if lifetime.idle_timeout is not None and lifetime.idle_timeout < (
        settings.idle_timeout or settings.max_age
    ):
        return True
    if settings.rolling and not lifetime.rolling:
        return lifetime.max_age < (settings.absolute_max_age or UNBOUNDED_S)
    if lifetime.max_age < settings.max_age:
        return True
    longest = settings.absolute_max_age if settings.rolling else settings.max_age
    return (lifetime.absolute_max_age or UNBOUNDED_S) < (longest or UNBOUNDED_S)


def _roles_in(content: Any) -> frozenset[str]:
    """The roles of all realms, of routers and behind proxies, alone and as `role@realm`."""
    found = [*_roles_of_routers(content), *_roles_of_proxies(content)]
    return frozenset(name for role, realm in found for name in (role, f"{role}@{realm}"))


def _roles_of_routers(content: Any) -> Iterator[tuple[Any, Any]]:
    for _, worker in workers(content):
        for realm in items(worker.get("realms")):
            for role in items(realm.get("roles")):
                yield role.get("name"), realm.get("name")


def _roles_of_proxies(content: Any) -> Iterator[tuple[Any, Any]]:
    for _, worker in workers(content):
        for realm, roles in mapping(worker.get("routes")).items():
            for role in mapping(roles):
                yield role, realm
