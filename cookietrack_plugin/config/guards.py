"""The guards in a node's configuration: checked, with warnings of what is not what it seems."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from posixpath import normpath
from typing import Any
from urllib.parse import unquote, urlsplit

from attrs import frozen

from cookietrack_plugin.config.guard import BRIDGES, GUARD, GuardSettings
from cookietrack_plugin.config.listeners import Tracking, cookie_path, mapping, transports_of
from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.config.sharing import store_key
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.stores.kit.wording import naming


@frozen
class Place:
    """
    A path service. `name`: as of a `Tracking`. `url`: the path under which a browser asks for it.
    `beside`: the paths of those beside it, where it stands at `/`. `guards`: the items of
    the guards that a request to it passes, the outermost first.
    """

    name: str
    url: str
    service: Mapping[str, Any]
    beside: tuple[str, ...] = ()
    guards: tuple[Mapping[str, Any], ...] = ()

    @property
    def guarded(self) -> bool:
        """Whether a request to it passes a guard."""
        return bool(self.guards)


def check_guards(content: Any) -> None:
    """
    Check the guards' items of a node; their `cookie` is checked with those of the WebSockets.

    :raises ConfigError: naming the guard, what was expected, and what was found.
    """
    for place in _guards(services(content)):
        with naming(place.name):
            settings = GuardSettings.of(place.service)
            _check_redirect(settings, place)


def guard_warnings(content: Any, listeners: Iterable[Tracking]) -> Iterator[str]:
    """
    A sentence each, for guards that are right ones.

    :param listeners: all that track cookies, guards among them.
    """
    places = list(services(content))
    websockets = [
        (each, CookieSettings.of(each.cookie)) for each in listeners if not is_guard(each)
    ]
    for place in _guards(places):
        settings = GuardSettings.of(place.service)
        found = (
            *_of_place(place),
            *_of_users(settings),
            *_of_cookie(settings, place, websockets),
        )
        yield from (f"{place.name}: {warning}" for warning in found)
    yield from _of_bridges(places)
    yield from _of_files(places)
    yield from _of_upstreams(places)


def is_guard(tracking: Tracking) -> bool:
    """Whether a cookie item is that of a guard, which gives nobody a cookie."""
    return tracking.transport.get("type") == GUARD


def services(content: Any) -> Iterator[Place]:
    """The path services of a node, at every depth."""
    for name, transport in transports_of(content):
        kind = transport.get("type")
        web = transport if kind == "web" else mapping(transport.get("web"))
        if kind in ("web", "universal"):
            yield from _of_paths(Place(name, "", {}), mapping(web.get("paths")))


def _of_paths(parent: Place, paths: Mapping[str, Any]) -> Iterator[Place]:
    for path, service in paths.items():
        is_root = path == "/"
        beside = tuple(each for each in paths if each != "/") if is_root else ()
        below = "" if is_root else f"/{path}"
        name, url = parent.name + below, parent.url + below
        yield from _of_service(Place(name, url, mapping(service), beside, parent.guards))


def _of_service(place: Place) -> Iterator[Place]:
    yield place
    kind = place.service.get("type")
    if kind == "path":
        yield from _of_paths(place, mapping(place.service.get("paths")))
    elif kind == GUARD:
        behind = mapping(place.service.get("path"))
        guards = (*place.guards, place.service)
        yield from _of_service(Place(place.name, place.url, behind, (), guards))


def _guards(places: Iterable[Place]) -> Iterator[Place]:
    return (place for place in places if place.service.get("type") == GUARD)


def _check_redirect(settings: GuardSettings, place: Place) -> None:
    target = settings.denied.get("redirect")
    if target is None or urlsplit(target).netloc:
        return
    path = normpath(unquote(urlsplit(target).path)).strip("/")
    own = place.url.strip("/")
    if own == "" and path.partition("/")[0] in place.beside:
        return
    if own == "" or path == own or path.startswith(own + "/"):
        raise ConfigError(
            f'"denied.redirect": expected a place that is not behind this guard, found "{target}":'
            " a browser would be sent there again and again"
        )


def _of_place(place: Place) -> Iterator[str]:
    if place.beside:
        names = ", ".join(f"/{each}" for each in place.beside)
        yield f'it stands at "/", and does not guard what stands beside it: {names}'


def _of_users(settings: GuardSettings) -> Iterator[str]:
    if "authids" in settings.allow and "realms" not in settings.allow:
        names = ", ".join(settings.allow["authids"])
        yield f'"allow" lets in the users {names} of any realm: add its "realms"'
    if settings.csrf == "off":
        yield '"csrf" is "off": pages of any site can change things as a user who is logged in'


def _of_cookie(
    settings: GuardSettings, place: Place, websockets: Sequence[tuple[Tracking, CookieSettings]]
) -> Iterator[str]:
    cookie = CookieSettings.of(settings.cookie)
    own = (cookie.name, store_key(cookie.store))
    givers = [
        (each, other) for each, other in websockets if (other.name, store_key(other.store)) == own
    ]
    if not givers:
        yield (
            f'no WebSocket of this node gives a cookie "{cookie.name}" of this store: log in'
            " elsewhere, or give both the same cookie item"
        )
    elif not any(_reaches(each, other, place.url) for each, other in givers):
        names = ", ".join(each.name for each, _ in givers)
        yield f'browsers do not send the cookie of {names} here: give it "path": "/"'
    elif not any("cookie" in mapping(each.transport.get("auth")) for each, _ in givers):
        names = ", ".join(each.name for each, _ in givers)
        yield f'{names} keeps no logins, without "cookie" in its "auth": nobody is let in'


def _reaches(listener: Tracking, cookie: CookieSettings, url: str) -> bool:
    """Whether a browser that got the cookie there sends it to `url` (RFC 6265, section 5.1.4)."""
    path = cookie_path(listener, cookie)
    return path == "/" or f"{url}/".startswith(f"{path.rstrip('/')}/")


def _of_bridges(places: Iterable[Place]) -> Iterator[str]:
    for place in places:
        kind = place.service.get("type")
        if place.guarded and kind in BRIDGES:
            realm, role = place.service.get("realm"), place.service.get("role", "anonymous")
            yield (
                f'{place.name}: calls of the {kind} run with its own role "{role}" in realm'
                f' "{realm}", not with that of the user who was let in'
            )


def _of_files(places: Sequence[Place]) -> Iterator[str]:
    """Files that are guarded under one path, and not under another."""
    directories = [
        (place, normpath(str(place.service["directory"])))
        for place in places
        if place.service.get("type") in ("static", "cgi") and "directory" in place.service
    ]
    for guarded, inside in directories:
        for other, outside in directories:
            # Of another worker or transport, too: it is one file system.
            if guarded.guarded and not other.guarded and _contains(outside, inside):
                yield (
                    f"{guarded.name}: its files, in {inside}, are not guarded at {other.name},"
                    f" which has {outside}"
                )


def _of_upstreams(places: Sequence[Place]) -> Iterator[str]:
    """Servers that are guarded under one path, and not under another."""
    upstreams = [
        (place, (str(place.service.get("host")), place.service.get("port", 80)))
        for place in places
        if place.service.get("type") == "reverseproxy"
    ]
    for guarded, (host, port) in upstreams:
        for other, beside in upstreams:
            if guarded.guarded and not other.guarded and beside == (host, port):
                yield (
                    f"{guarded.name}: the server behind it, {host}:{port}, is not guarded at"
                    f" {other.name}, where another path may lead to the same resource"
                )


def _contains(directory: str, other: str) -> bool:
    return (directory == "." and not other.startswith(("/", ".."))) or (
        f"{other}/".startswith(f"{directory.rstrip('/')}/")
    )
