"""
The indexes by time and by user, as entries beside the records.

Their keys begin with characters that no id has. `!` comes before every id in the database's order,
so what expires next is what is found first.
"""

from collections.abc import Iterator
from hashlib import sha256
from itertools import takewhile

from diskcache import Cache

from cookietrack_plugin.record import Cookie

ID_ENDS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def is_id(key: str) -> bool:
    return key[0] not in "!#~"


def move(database: Cache, old: Cookie | None, new: Cookie | None) -> None:
    """File a record, which was `old`, as `new`; None stands for no record."""
    if (was := _deadline(old)) != (now := _deadline(new)):
        if was:
            database.delete(was)
        if now:
            database.set(now, None)
    if (was := _user(old)) != (now := _user(new)):
        if old and was:
            _save_members(database, was, _members(database, was) - {old.id})
        if new and now:
            _save_members(database, now, _members(database, now) | {new.id})


def due(database: Cache, now: int) -> Iterator[tuple[str, str]]:
    """Key and id of the entries with `expires <= now`. What has been yielded may be deleted."""
    end = f"!{now + 1:016d}"
    for key in takewhile(lambda key: key < end, database.iterkeys()):
        yield key, key.partition(":")[2]


def ids_of(database: Cache, authid: str) -> Iterator[str]:
    """The ids of the cookies that are logged in as `authid`."""
    for end in ID_ENDS:
        yield from _members(database, _user_key(authid, end))


def _deadline(cookie: Cookie | None) -> str | None:
    return f"!{cookie.expires:016d}:{cookie.id}" if cookie else None


def _user(cookie: Cookie | None) -> str | None:
    return _user_key(cookie.auth.authid, cookie.id[-1]) if cookie and cookie.auth else None


def _user_key(authid: str, end: str) -> str:
    # One entry for each end of an id: all ids of a busy user in one would be rewritten every time.
    return f"~{sha256(authid.encode(errors='surrogatepass')).hexdigest()}{end}"


def _members(database: Cache, key: str) -> set[str]:
    return set(database.get(key, "").split())


def _save_members(database: Cache, key: str, ids: set[str]) -> None:
    if ids:
        database.set(key, " ".join(ids))
    else:
        database.delete(key)
