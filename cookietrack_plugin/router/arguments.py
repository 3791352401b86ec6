"""Arguments of WAMP procedures, checked: what is wrong is `wamp.error.invalid_argument`."""

from collections.abc import Callable
from inspect import signature
from typing import Any

from autobahn.wamp.exception import ApplicationError

from cookietrack_plugin.header import ID_LENGTH
from cookietrack_plugin.record import is_id


def invalid(message: str) -> ApplicationError:
    """The error for a wrong argument."""
    return ApplicationError(ApplicationError.INVALID_ARGUMENT, message)


def checked(procedure: Callable[..., Any]) -> Callable[..., Any]:
    """`procedure`, where too many, too few and unknown arguments are wrong arguments as well."""
    expected = signature(procedure)

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            expected.bind(*args, **kwargs)
        except TypeError as error:
            raise invalid(str(error)) from None
        return procedure(*args, **kwargs)

    return call


def an_id(value: Any) -> str:
    """A cookie's id. What is none is not repeated: it may be a cookie's value."""
    if not isinstance(value, str):
        raise invalid(f"a cookie's id is a string of {ID_LENGTH} characters, found {value!r}")
    if not is_id(value):
        raise invalid(
            f"a cookie's id is a string of {ID_LENGTH} characters (letters, digits, - and _),"
            f" found another string, of {len(value)}"
        )
    return value


def ids(value: Any) -> list[str]:
    """A cookie's id, or a list of them."""
    return [an_id(each) for each in (value if isinstance(value, list) else [value])]


def name(what: str, value: Any) -> str:
    """A name that must be given: an authid, say."""
    if not isinstance(value, str) or not value:
        raise invalid(f"{what} must be a string that is not empty, found {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid(f"{what} must be Unicode text, found {value!r}") from None
    return value


def optional_name(what: str, value: Any) -> str | None:
    """A name that may be left out."""
    return None if value is None else name(what, value)


def limit(value: Any, most: int = 10_000) -> int:
    """How many of something."""
    if type(value) is not int or not 1 <= value <= most:
        raise invalid(f"limit must be an integer from 1 to {most}, found {value!r}")
    return value
