"""The columns of an entry of the feed, and of the fence at its position."""

from time import time_ns
from uuid import uuid4

from cookietrack_plugin.record import UserRevoked
from cookietrack_plugin.stores.kit.fences import Fence
from cookietrack_plugin.stores.sql.tables import hash_of_name

# A column of text, of numbers, or NULL.
Value = str | int | None


def now() -> int:
    """This machine's time in Unix milliseconds, by which the age of an entry is measured."""
    return time_ns() // 1_000_000


def kept_text(ids: frozenset[str]) -> str:
    """What a column `keep` has for `ids`."""
    return " ".join(sorted(ids))


def user_entry(revoked: UserRevoked) -> list[Value]:
    """`id`, `at`, `authid`, `authrealm` and `keep` of an entry about a user."""
    return [uuid4().hex, now(), revoked.authid, revoked.authrealm, kept_text(revoked.keep)]


def fence_name(revoked: UserRevoked) -> str:
    """`name` of the fence."""
    return hash_of_name((revoked.authid, revoked.authrealm))


def fence_fields(revoked: UserRevoked, old: Fence | None) -> list[Value]:
    """`keep` and `kept_from` of the fence that replaces `old`: see `stores.kit.fences.raised`."""
    return [kept_text(revoked.keep), old.position if old else None]
