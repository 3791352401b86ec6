"""What a store is called where people read of it: in the log, in metrics, by the commands."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, unquote

from cookietrack_plugin.config.location import location_of, path_of
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.stores.kit.redaction import HIDDEN, is_secret_name, redact_url
from cookietrack_plugin.stores.kit.variables import expand


def label_of(options: Mapping[str, Any], directory: str | None = None) -> str:
    """
    `TYPE:PLACE` of a `store` item, and its table or prefix, without what may be secret.

    :param directory: makes a relative path absolute; None leaves it as it is written.
    """
    location = location_of(options)
    shown = [_shown_location(options, directory)]
    for name, value in options.items():
        is_text = isinstance(value, str) and not is_secret_name(name)
        if is_text and name != "type" and (location is None or name != location[0]):
            shown.append(_without_login(value))
    return f"{options['type']}:{' '.join(filter(None, shown))}".rstrip(":")


def without_secrets(text: str, options: Mapping[str, Any]) -> str:
    """
    What an error says of the store that `options` describe, without the passwords in these: a
    store of somebody else may word its errors as its driver does.
    """
    for secret in sorted(filter(None, _secrets(options)), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _secrets(options: Mapping[str, Any]) -> Iterator[str]:
    for name, value in options.items():
        each: Any
        for each in value if isinstance(value, list | tuple) else [value]:
            if isinstance(each, Mapping):
                yield from _secrets(each)
            elif isinstance(each, str):
                yield from [each] if is_secret_name(name) else _secrets_of_url(each)


def _secrets_of_url(url: str) -> Iterator[str]:
    with suppress(ConfigError):
        url = expand(url)
    _, _, rest = url.partition("://")
    login, _, _ = rest.rpartition("@")
    user, _, password = login.partition(":")
    yield from {password or user, unquote(password or user)}
    for name, value in parse_qsl(rest.partition("?")[2]):
        if is_secret_name(name):
            yield value


def _shown_location(options: Mapping[str, Any], directory: str | None) -> str:
    location = location_of(options)
    if location is None:
        return ""
    path = path_of(options, directory or "/")
    if path is None:
        return _without_login(location[1])
    return location[1] if directory is None else path


def _without_login(url: str) -> str:
    return redact_url(url).replace(f"{HIDDEN}@", "")
