"""Cookie headers to values, and values to ids; pure functions."""

import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Collection
from functools import lru_cache
from hashlib import sha256

from attrs import frozen
from werkzeug.http import dump_cookie

ID_LENGTH = 24
# How many values of one name a request may present.
MOST_VALUES = 4
# The words before equals signs.
_KEYS = re.compile(r"(?<![\w-])([\w-]+)\s*=", re.ASCII)
_PLAIN = re.compile(r"\s*[\w-]*\s*", re.ASCII)


def id_of(value: str) -> str:
    """
    The public id of a secret value: base64url of the first 18 bytes of its SHA-256, 24 characters.

    One way: nobody who reads an id in a log, a store or a meta event can log in with it.
    """
    return urlsafe_b64encode(sha256(value.encode()).digest()[:18]).decode()


def new_value(length: int) -> str:
    """A secret of `length` characters, 6 bits each, from the operating system's random source."""
    return secrets.token_urlsafe(length)[:length]


def parse(header: str, name: str) -> list[str]:
    """
    The distinct values that a `Cookie` header gives for `name`, in its order (RFC 6265, 5.4).

    Empty where the cookie is absent, empty, or has more than `MOST_VALUES` values: a browser sends
    one for each path and domain that set it, so more than a few are an attempt to have us look
    them all up. The header is read as leniently as servers have to: stray text, quotes, spaces and
    neighbours of any syntax are passed over. A pair ends at a semicolon even within quotes. To a
    browser quotes are characters like any other, and those of two neighbours would otherwise
    swallow what stands between them. Takes time in proportion to the header.
    """
    pairs = (pair.partition("=") for pair in header.split(";"))
    values = dict.fromkeys(_bare(value) for key, _, value in pairs if key.strip() == name)
    values.pop("", None)
    return list(values) if len(values) <= MOST_VALUES else []


def hide(header: str, names: Collection[str]) -> str:
    """
    The same `Cookie` header with its id in place of each value of `names`.

    A name counts behind a comma too, as some servers join two headers with one, and behind anything
    else that ends a word: what a neighbour's pair then loses, no log gains. Takes time in
    proportion to the header, however many names there are.
    """
    return ";".join(_without_value(pair, names) for pair in header.split(";"))


def _without_value(pair: str, names: Collection[str]) -> str:
    name, _, value = pair.partition("=")
    if "=" not in value and _PLAIN.fullmatch(name) and name.strip() not in names:
        # As nearly all of a browser's other cookies.
        return pair
    for key in _KEYS.finditer(pair):
        if key[1] in names:
            value = _bare(pair[key.end() :])
            return pair[: key.end()] + (id_of(value) if value else "")
    return pair


def _bare(value: str) -> str:
    return value.strip(' \t"')


@frozen
class Attributes:
    """
    What a `Set-Cookie` header says of a cookie besides its name, value and age: RFC 6265 section
    4.1.2, and of `partitioned` the draft "Cookies Having Independent Partitioned State" (CHIPS).

    Without `path` browsers take the directory of the URL, as Crossbar has always had it: with
    another one, those that hold a cookie of Crossbar's would present two of the same name.
    """

    secure: bool = False
    http_only: bool = False
    same_site: str | None = None
    path: str | None = None
    domain: str | None = None
    partitioned: bool = False


def render(name: str, value: str, max_age: int | None, attributes: Attributes) -> str:
    """
    A `Set-Cookie` header's value. `value` is a secret or an id, which need no quotes; `max_age` is
    in seconds, None for a cookie that ends with the browser's session.
    """
    return f"{name}={value}{_rendered(max_age, attributes)}"


@lru_cache
def _rendered(max_age: int | None, attributes: Attributes) -> str:
    # Cached: most clients get the same attributes.
    whole = dump_cookie(
        "name",
        "value",
        max_age=max_age,
        path=attributes.path,
        domain=attributes.domain,
        secure=attributes.secure,
        httponly=attributes.http_only,
        samesite=attributes.same_site,
        partitioned=attributes.partitioned,
        sync_expires=False,
    )
    return whole.removeprefix("name=value")
