"""What is secret in a URL and in the options of a store: shown as `***`, or not at all."""

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "***"

_SECRET_NAME = re.compile(r"pass|pwd|secret|token|credential|key|auth", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_HOST = re.compile(r"(\[[^\[\]]+\]|[^:\[\]]+)(:(\d+|\$\{\w+\}))?")
_PARAMETERS = re.compile(r"[?#;]")
# As in `host=db password=secret`, which libpq takes for a URL.
_ASSIGNMENT = re.compile(rf"([\w.-]*({_SECRET_NAME.pattern})[\w.-]*\s*=).*", re.I | re.DOTALL)


def is_secret_name(name: object) -> bool:
    """Whether an option or a parameter of this name may hold a secret, such as `sslpassword`."""
    return _SECRET_NAME.search(str(name)) is not None


def redact_url(text: str) -> str:
    """
    Scheme, hosts and path of a URL, for people to see.

    User, password, query and fragment are left out: tokens and passwords stand in each of them. A
    password with characters that it should escape gives a URL two readings. What only one of
    them takes for a secret is left out too, down to the scheme alone.

    :param text: a URL, complete or not. Of other text, only what stands before an `@` and behind
        the name of a secret and `=` is left out.
    """
    scheme, _, rest = text.partition("://")
    if rest and _SCHEME.fullmatch(scheme):
        return f"{scheme}://{_redact_location(rest)}"
    if "@" in text:
        return _redact_location(text)
    return _ASSIGNMENT.sub(rf"\1{HIDDEN}", text)


def _redact_location(text: str) -> str:
    user, at, location = text.rpartition("@")
    if _PARAMETERS.search(user) or _ASSIGNMENT.search(user):
        # The @ is the password's, or that of a parameter.
        return HIDDEN
    location = _PARAMETERS.split(location)[0]
    hosts, slash, path = location.partition("/")
    if hosts and not all(map(_HOST.fullmatch, hosts.split(","))):
        return HIDDEN
    path = _ASSIGNMENT.sub(rf"\1{HIDDEN}", path)
    return f"{HIDDEN if at else ''}{at}{hosts}{slash}{path}"


def redact_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """A `store` item, or what is nested in one, for people to see."""
    return {name: _redact_option(name, value) for name, value in options.items()}


def _redact_option(name: str, value: Any) -> Any:
    if is_secret_name(name):
        return HIDDEN
    if isinstance(value, Mapping):
        return redact_options(value)
    if isinstance(value, list | tuple):
        return [_redact_option(name, each) for each in value]
    return redact_url(value) if isinstance(value, str) else value
