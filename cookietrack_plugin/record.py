"""What a store keeps, and the four ways in which it changes. Times are Unix milliseconds."""

import re
from collections.abc import Mapping
from typing import Any

from attrs import evolve, field, frozen

# What `header.id_of` gives.
_ID = re.compile(r"[A-Za-z0-9_-]{24}")


def is_id(text: str) -> bool:
    """Whether `text` has the form of a cookie's id."""
    return _ID.fullmatch(text) is not None


@frozen
class Auth:
    """Who a cookie stands for: what Crossbar needs to let its client in without a challenge."""

    authid: str
    authrole: str
    authmethod: str
    authrealm: str
    # Applications put tokens in here: it is stored, and never printed.
    authextra: Mapping[str, Any] | None = field(default=None, repr=False)


@frozen
class Cookie:
    """
    One tracked client. The cookie's secret value is not in here: only its public id.

    `id`: see `header.id_of`. `created`, `seen`: first and latest sign of life. `expires`: from this
    millisecond on the record counts as absent. `peer`: the client's address as Crossbar writes it
    (`tcp4:192.0.2.1:52410`). `auth`: None until a login was stored.
    """

    id: str
    created: int
    expires: int
    seen: int
    peer: str | None = None
    user_agent: str | None = None
    auth: Auth | None = None


@frozen
class Create:
    """Store a new record. Does not apply where the id exists: a collision is never overwritten."""

    cookie: Cookie

    @property
    def id(self) -> str:
        return self.cookie.id


@frozen
class Authenticate:
    """Set who the cookie stands for (None: nobody), and `seen` to `at`. Not where it is absent."""

    id: str
    auth: Auth | None
    at: int


@frozen
class Touch:
    """Set these four fields. Does not apply where the id is absent: an update never revives."""

    id: str
    seen: int
    expires: int
    peer: str | None
    user_agent: str | None


@frozen
class Delete:
    """Remove the record. Idempotent: where the id is absent it does not apply and does no harm."""

    id: str


Change = Create | Authenticate | Touch | Delete


def applies(cookie: Cookie | None, change: Change) -> bool:
    """Whether `change` has an effect on the record stored under its id, None for no record."""
    return (cookie is None) == isinstance(change, Create)


def after(cookie: Cookie | None, change: Change) -> Cookie | None:
    """
    The record under `change.id` once `change` was applied: the meaning of the four changes.

    Applying a change a second time leads to the same record, so a reader may overlay changes of
    which it does not know whether the store has them already.
    """
    if not applies(cookie, change):
        return cookie
    if isinstance(change, Create):
        return change.cookie
    assert cookie is not None
    match change:
        case Authenticate(_, auth, at):
            return evolve(cookie, auth=auth, seen=at)
        case Touch(_, seen, expires, peer, user_agent):
            return evolve(cookie, seen=seen, expires=expires, peer=peer, user_agent=user_agent)
        case Delete():
            return None
