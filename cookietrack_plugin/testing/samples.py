"""Records for checks. Their clock stands in the year 2100, see `NOW`."""

from collections.abc import Iterable, Mapping
from typing import Any

from cookietrack_plugin.record import Auth, Change, Cookie, Touch, after

# Milliseconds. No check wants a record to be gone by the real clock: an engine that expires records
# by itself would remove those of our time before the store is asked to.
NOW = 4_102_444_800_000
DAY = 86_400_000


def make_id(number: int) -> str:
    """A valid id: 24 characters of base64url."""
    return f"{number:024d}"


def make_cookie(number: int = 0, auth: Auth | None = None, expires: int = NOW + DAY) -> Cookie:
    return Cookie(
        make_id(number), NOW, expires, NOW + number, f"tcp4:192.0.2.1:{number}", "Mozilla/5.0", auth
    )


def make_auth(
    authid: str = "joe", authrealm: str = "realm1", authextra: Mapping[str, Any] | None = None
) -> Auth:
    return Auth(authid, "user", "ticket", authrealm, authextra)


def make_touch(number: int, expires: int = NOW + DAY, seen: int = NOW + 1) -> Touch:
    return Touch(make_id(number), seen, expires, "tcp6:[2001:db8::1]:443", "curl/8")


def replay(cookies: Mapping[str, Cookie], changes: Iterable[Change]) -> dict[str, Cookie]:
    """What a store holds after `changes`, if it held `cookies`: the contract's own arithmetic."""
    held = dict(cookies)
    for change in changes:
        cookie = after(held.pop(change.id, None), change)
        if cookie is not None:
            held[change.id] = cookie
    return held
