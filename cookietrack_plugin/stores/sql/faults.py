"""What goes wrong in a database, as errors of ours: one line each, with what to do about it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import (
    InterfaceError,
    InternalError,
    OperationalError,
    SQLAlchemyError,
    TimeoutError,
)

from cookietrack_plugin.errors import (
    ConfigError,
    CookieTrackError,
    StoreCorrupt,
    StoreFull,
    StoreUnavailable,
)
from cookietrack_plugin.stores.kit.options import PLACE
from cookietrack_plugin.stores.sql.codes import ADVICE, Fault, fault_of
from cookietrack_plugin.stores.sql.role import STALE, Follower
from cookietrack_plugin.stores.sql.transaction import UnknownOutcome


@contextmanager
def translated(place: str, opening: bool = False) -> Iterator[None]:
    """
    Raise errors of ours instead of SQLAlchemy's, which become their cause.

    :param place: the store, as people may see it.
    :param opening: whether it may not have been there at all.
    """
    try:
        yield
    except UnknownOutcome as error:
        raise StoreUnavailable(
            f"{place}: whether it was stored is not known: {_cause(error.__cause__)}"
        ) from error
    except Follower as error:
        raise StoreUnavailable(f"{place} {error}: {STALE}") from error
    except SQLAlchemyError as error:
        raise _fault(error, place, opening) from error


def is_conflict(error: BaseException | None) -> bool:
    """Whether another transaction was in the way, so that a retry is likely to succeed."""
    return fault_of(error) is Fault.CONFLICT


def _fault(error: SQLAlchemyError, place: str, opening: bool) -> CookieTrackError:
    fault, cause = fault_of(error), _cause(error)
    if fault is Fault.FULL:
        return StoreFull(f"{place} has no room: {cause}: make room on its disk")
    if fault is Fault.TABLES:
        return StoreCorrupt(f"{place}: {cause}: restore it, or choose another table")
    if fault in ADVICE:
        return ConfigError(f'"url" in {PLACE}: {place}: {cause}: {ADVICE[fault]}')
    if fault in (Fault.AWAY, Fault.CONFLICT):
        return StoreUnavailable(f"{place} refuses for now: {cause}")
    if isinstance(error, TimeoutError):
        return StoreUnavailable(f"{place}: all connections of the pool are in use")
    if isinstance(error, OperationalError | InterfaceError | InternalError):
        question = ": is it running, and can this host reach it?" if opening else ""
        return StoreUnavailable(f"{place} does not answer: {cause}{question}")
    return StoreCorrupt(f"{place} refuses a statement: {cause}")


def _cause(error: BaseException | None) -> str:
    """The driver's message on one line, without details, which could show what is in a record."""
    original = getattr(error, "orig", None) or error
    arguments: tuple[Any, ...] = getattr(original, "args", ())
    words = arguments[1] if len(arguments) > 1 and isinstance(arguments[0], int) else original
    words = getattr(getattr(original, "diag", None), "message_primary", None) or words
    return re.sub(r"\s+", " ", str(words)).strip().removesuffix(".").removesuffix("?")
