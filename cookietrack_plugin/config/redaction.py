"""What a store is called where people read of it: in the log, in metrics, by the commands."""

from collections.abc import Mapping
from typing import Any

from cookietrack_plugin.config.location import location_of, path_of
from cookietrack_plugin.stores.kit.redaction import HIDDEN, is_secret_name, redact_url


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
