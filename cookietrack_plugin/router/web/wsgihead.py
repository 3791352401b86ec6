"""The head of a WSGI application's response, which its server has to check (PEP 3333)."""

import re
from collections.abc import Iterable
from http import HTTPStatus

from cookietrack_plugin.router.web.headers import HOP_BY_HOP

_STATUS = re.compile(r"([2-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class WrongResponse(ValueError):
    """What an application has answered is no response, or not the one that it began."""


def checked_status(status: str) -> str:
    """
    Three digits and a phrase.

    :raises WrongResponse: for what is no final status.
    """
    found = _STATUS.fullmatch(status)
    if found is None:
        raise WrongResponse(f"expected a status such as '200 OK', found {status!r}")
    return f"{found[1]} {(found[2] or '').strip() or _phrase_of(int(found[1]))}"


def checked_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """
    The headers that an application may set; those about the connection are the server's.

    :raises WrongResponse: a character could end a header. The message does not have the value.
    """
    for name, value in headers:
        if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            raise WrongResponse(f"expected printable Latin-1 characters in the header {name!r}")
    return [each for each in headers if each[0].lower().encode() not in HOP_BY_HOP]


def length_of(method: str, status: str, headers: Iterable[tuple[str, str]]) -> int | None:
    """
    How many bytes of a body the head announces; None where it does not say.

    :raises WrongResponse: for several lengths, and for what is none.
    """
    if method == "HEAD" or int(status[:3]) in _BODILESS:
        return None
    found = {value.strip() for name, value in headers if name.lower() == "content-length"}
    if len(found) > 1 or not all(value.isdecimal() and value.isascii() for value in found):
        raise WrongResponse("expected one Content-Length, a number")
    return int(found.pop()) if found else None


def _phrase_of(code: int) -> str:
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return "Unknown Status"
