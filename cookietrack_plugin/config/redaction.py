"""What a store is called where people read of it: in the log and in metrics."""

import re
from collections.abc import Mapping
from typing import Any

# A user and a password may hold any character but the last @ before the host.
_USER = re.compile(r"://.*@")
_QUERY = re.compile(r"[?#].*")


def label_of(options: Mapping[str, Any]) -> str:
    """The type and the place of a `store` item, without what may be secret in a URL."""
    url = _QUERY.sub("", _USER.sub("://", str(options.get("url", ""))))
    places = [options.get("path") or options.get("filename") or url]
    places += [options.get("table") or options.get("prefix")]
    place = " ".join(str(each) for each in places if each)
    return f"{options['type']}:{place}" if place else str(options["type"])
