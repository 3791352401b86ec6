"""The door: the only place that sees a cookie's value. Header in, id out; pure functions."""

import re
import secrets
from base64 import urlsafe_b64encode
from functools import lru_cache
from hashlib import sha256

from werkzeug.http import dump_cookie

ID_LENGTH = 24


def id_of(value: str) -> str:
    """
    The public id of a secret value: base64url of the first 18 bytes of its SHA-256, 24 characters.

    One way: who reads an id in a log, a store or a meta event cannot log in with it.
    """
    return urlsafe_b64encode(sha256(value.encode()).digest()[:18]).decode()


def new_value(length: int) -> str:
    """A secret of `length` characters, 6 bits each, from the operating system's random source."""
    return secrets.token_urlsafe(length)[:length]


def parse(header: str, name: str) -> str | None:
    """
    The value that a `Cookie` header gives for `name` (RFC 6265 section 5.4), read as leniently as
    servers have to: stray text, quotes, spaces and neighbours of any syntax are passed over. Pairs
    end at a semicolon even within quotes: to a browser these are characters like any other, and
    those of two neighbours would otherwise swallow what stands between them.

    None where the cookie is absent, empty, or ambiguous: a second value for the same name comes
    from another path or domain, and there is no telling which of the two is ours.
    """
    pairs = (pair.partition("=") for pair in header.split(";"))
    values = {value.strip(' \t"') for key, _, value in pairs if key.strip() == name}
    return values.pop() or None if len(values) == 1 else None


def hide(header: str, name: str, replacement: str) -> str:
    """The same `Cookie` header with `replacement` in the place of every value of `name`."""
    found = re.compile(rf"(^|[;,])(\s*{re.escape(name)}\s*=)[^;]*")
    return found.sub(lambda match: f"{match[1]}{match[2]}{replacement}", header)


def render(
    name: str,
    value: str,
    max_age: int,
    secure: bool = False,
    http_strict: bool = False,
    same_site: str | None = None,
) -> str:
    """
    A `Set-Cookie` header's value (RFC 6265 section 4.1). `value` is a secret or an id, which need
    no quotes; `max_age` is in seconds.

    Without `Path`, as Crossbar has always sent it: with another path, browsers that hold one of
    Crossbar's cookies would present two of the same name, which is ambiguous.
    """
    return f"{name}={value}{_attributes(max_age, secure, http_strict, same_site)}"


@lru_cache
def _attributes(max_age: int, secure: bool, http_strict: bool, same_site: str | None) -> str:
    # Most clients get the same ones.
    whole = dump_cookie(
        "name",
        "value",
        max_age=max_age,
        path=None,
        secure=secure,
        httponly=http_strict,
        samesite=same_site,
        sync_expires=False,
    )
    return whole.removeprefix("name=value")
