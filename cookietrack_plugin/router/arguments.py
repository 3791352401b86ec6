"""Arguments of WAMP procedures, checked: what is wrong is `wamp.error.invalid_argument`."""

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from attrs import fields
from autobahn.wamp.exception import ApplicationError

from cookietrack_plugin.header import ID_LENGTH
from cookietrack_plugin.record import is_id
from cookietrack_plugin.search.page import MAX_LIMIT
from cookietrack_plugin.search.selection import Selection
from cookietrack_plugin.stores.kit.wording import type_of

FILTERS = {each.name for each in fields(Selection)} - {"authid", "authrealm", "expired"}
_ID = f"a cookie's id, {ID_LENGTH} letters, digits, - and _"


def invalid(message: str) -> ApplicationError:
    """The error for a wrong argument."""
    return ApplicationError(ApplicationError.INVALID_ARGUMENT, message)


def checked(procedure: Callable[..., Any]) -> Callable[..., Any]:
    """`procedure`, for which too many, too few and unknown arguments are wrong ones as well."""
    expected = signature(procedure)

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            expected.bind(*args, **kwargs)
        except TypeError as error:
            raise invalid(str(error)) from None
        return procedure(*args, **kwargs)

    return call


def an_id(value: object) -> str:
    """A cookie's id. The error does not repeat a wrong string: it may be a cookie's value."""
    if not isinstance(value, str):
        raise invalid(f"id: expected {_ID}, found {type_of(value)}")
    if not is_id(value):
        raise invalid(f"id: expected {_ID}, found another string of length {len(value)}")
    return value


def ids(value: object) -> list[str]:
    """A cookie's id, or a list of them."""
    return [an_id(each) for each in (value if isinstance(value, list) else [value])]


def name(what: str, value: object) -> str:
    """A name that must be given: an authid, say."""
    expected = "a string that is not empty"
    if not isinstance(value, str):
        raise invalid(f"{what}: expected {expected}, found {type_of(value)}")
    if not value:
        raise invalid(f'{what}: expected {expected}, found ""')
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid(f"{what}: expected Unicode text, found {value!r}") from None
    return value


def optional_name(what: str, value: object) -> str | None:
    """A name that may be left out."""
    return None if value is None else name(what, value)


def user(authid: object, authrealm: object) -> tuple[str | None, str | None]:
    """The authid and authrealm whose cookies are asked for; None is any."""
    return optional_name("authid", authid), optional_name("authrealm", authrealm)


def limit(value: object, most: int = MAX_LIMIT) -> int:
    """The most results that are asked for: from 1 to `most`."""
    expected = f"an integer from 1 to {most}"
    if type(value) is not int:
        raise invalid(f"limit: expected {expected}, found {type_of(value)}")
    if not 1 <= value <= most:
        raise invalid(f"limit: expected {expected}, found {value}")
    return value


def search(
    user: tuple[str | None, str | None], given: Mapping[str, object]
) -> tuple[Selection, str | None, int]:
    """
    The selection of a page of cookies; the cursor at which it begins, None for the first page; and
    the most that it has.

    :param user: the authid and authrealm, None for any.
    :param given: `cursor`, `limit`, and the filters of `Selection` except `expired`.
    """
    filters = {name: value for name, value in given.items() if name not in ("cursor", "limit")}
    if unknown := filters.keys() - FILTERS:
        raise invalid(f"got an unexpected keyword argument {min(unknown)!r}")
    authid, authrealm = user
    try:
        selection = Selection.parse({**filters, "authid": authid, "authrealm": authrealm})
    except ValueError as error:
        raise invalid(str(error)) from None
    return selection, _cursor(given.get("cursor")), limit(given.get("limit", 100))


def _cursor(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise invalid(f"cursor: expected a string or null, found {type_of(value)}")
