"""Warnings of `check`: what works in a `cookie` item, and is unsafe or not what it seems."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cookietrack_plugin.config.listeners import Tracking, cookie_path, mapping
from cookietrack_plugin.config.location import is_home
from cookietrack_plugin.config.settings import CookieSettings

# 128 bits, which nobody guesses (OWASP ASVS v5, 7.2.3).
_LEAST_LENGTH = 22
# Longer than that no browser keeps a cookie (RFC 6265bis, section 5.5).
_LONGEST_S = 400 * 86400
# What protects a login's cookie, as it is to be written, and from whom.
_HARDENED = {
    "secure": '"secure": true keeps it from readers on the network',
    "http_strict": '"http_strict": true keeps it from scripts of the page',
    "same_site": '"same_site": "Strict" keeps it from pages of other sites',
}
# Origins, as Autobahn writes them, that are nobody's own.
_FOREIGN_ORIGINS = tuple(
    f"{scheme}://{host}:{port}"
    for scheme in ("https", "http")
    for host in ("evil.example", "evil.com", "evil.net", "evil.org", "192.0.2.1")
    for port in (443, 80, 8080, 8443)
)
HOME = '"~" in the path of the store is a directory of that name: write the home directory out'
# Methods of which no login is kept.
NO_LOGIN = frozenset({"cookie", "anonymous"})


def warnings(
    transports: Iterable[Tracking], others: Iterable[tuple[str, Mapping[str, Any]]] = ()
) -> list[str]:
    """
    A sentence each, with the transport that it is about.

    :param transports: those with a `cookie` item, which is a right one.
    :param others: those without one, by their names.
    """
    listeners = [(each, CookieSettings.of(each.cookie)) for each in transports]
    found = [
        f"{transport.name}: {warning}"
        for transport, settings in listeners
        for warning in (
            *_of_item(settings),
            *_of_serializers(transport.transport),
            *_of_login(transport.transport, settings),
        )
    ]
    return [*found, *_of_paths(listeners), *_of_others(others)]


def _of_others(others: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    for name, listener in others:
        if "cookie" in mapping(listener.get("auth")):
            yield (
                f'{name}: nobody is let in by a cookie: "auth" has "cookie", and there is no'
                ' "cookie" item beside it'
            )


def _of_item(settings: CookieSettings) -> Iterator[str]:
    if is_home(settings.store):
        yield HOME
    if settings.same_site == "None" and not settings.secure:
        yield 'browsers drop a cookie with "same_site": "None" without "secure": true'
    if settings.domain is not None:
        yield (
            f"browsers send the cookie to every host under {settings.domain}, and each of these can"
            ' replace it: without "domain" it is this host\'s alone'
        )
    if settings.persistent and settings.max_age > _LONGEST_S:
        yield f'browsers keep no cookie for longer than 400 days: "max_age" is {settings.max_age} s'


def _of_serializers(listener: Mapping[str, Any]) -> Iterator[str]:
    if "ubjson" in (listener.get("serializers") or ()):
        yield (
            "anybody can take all memory of the worker with a message of nine bytes in UBJSON:"
            ' leave "ubjson" out of "serializers"'
        )


def _of_login(listener: Mapping[str, Any], settings: CookieSettings) -> Iterator[str]:
    methods = set(mapping(listener.get("auth")))
    if "cookie" not in methods or not methods - NO_LOGIN:
        return
    if missing := [name for name in _HARDENED if not getattr(settings, name)]:
        names = ", ".join(f'"{name}"' for name in missing)
        remedy = ", ".join(_HARDENED[name] for name in missing)
        yield f"logins are kept with a cookie that has no {names}: {remedy}"
    if settings.length < _LEAST_LENGTH:
        yield f'{settings.length} characters can be guessed: expected "length" of 22 or more'
    if settings.rotate is False:
        yield (
            'with "rotate": false users can log in with a cookie that an attacker planted (session'
            ' fixation): leave "rotate" out'
        )
    yield from _of_origins(mapping(listener.get("options")), settings)


def _of_origins(options: Mapping[str, Any], settings: CookieSettings) -> Iterator[str]:
    found = options.get("allowed_origins", ["*"])
    origins = found if isinstance(found, list) else []
    if any(map(_is_any_host, origins)):
        yield (
            "pages of any origin can connect with their user's cookie: name yours in the option"
            ' "allowed_origins"'
        )
    elif open_ones := [origin for origin in origins if _is_for_sale(origin)]:
        yield (
            f"pages of hosts that anybody can register can connect with their user's cookie:"
            f' "{open_ones[0]}" in "allowed_origins" allows them'
        )
    elif options.get("allow_null_origin", True) and settings.same_site not in ("Strict", "Lax"):
        yield (
            "any page can connect with its user's cookie from a sandboxed frame, whose origin is"
            ' null: set the option "allow_null_origin" to false, or "same_site"'
        )


def _is_any_host(origin: Any) -> bool:
    """Whether a pattern such as `https://*.example.com:443` matches hosts of anybody's."""
    # As Autobahn does: it escapes dots and stars alone, the rest is a regular expression.
    expression = str(origin).replace(".", r"\.").replace("*", ".*")
    try:
        pattern = re.compile(f"^{expression}$")
    except re.error:
        # Crossbar fails over it at start.
        return False
    return any(map(pattern.match, _FOREIGN_ORIGINS))


def _is_for_sale(origin: Any) -> bool:
    """Whether others can register a host that matches: `https://example.*`, `//*example.com`."""
    host = str(origin).partition("://")[2] or str(origin)
    *_, last = labels = host.partition(":")[0].split(".")[-2:]
    return last != "localhost" and any("*" in label for label in labels)


def _of_paths(listeners: Sequence[tuple[Tracking, CookieSettings]]) -> Iterator[str]:
    """Cookies know no ports: all listeners of the node may be one host to a browser."""
    paths: dict[str, dict[str, list[str]]] = {}
    for transport, settings in listeners:
        path = cookie_path(transport, settings)
        paths.setdefault(settings.name, {}).setdefault(path, []).append(transport.name)
    for name, found in paths.items():
        if len(found) > 1:
            each = (f"{path} ({', '.join(found[path])})" for path in sorted(found))
            yield (
                f'browsers keep a cookie "{name}" for each of the paths {", ".join(each)}: a login'
                ' at one is not known at the others, unless all have "path": "/"'
            )
