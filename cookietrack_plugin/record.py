"""
What a store keeps, and the four ways in which it changes. Times are Unix milliseconds.

Who a record or a session belongs to is its identity, `(authid, authrealm)`: an authid alone names
different users in different realms.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

from attrs import evolve, field, frozen

# The most ids that a revocation of a user keeps: see `UserRevoked`.
MAX_KEPT_IDS = 16

# What `header.id_of` gives.
_ID = re.compile(r"[A-Za-z0-9_-]{24}")


def is_id(text: object) -> TypeGuard[str]:
    """Whether `text` has the form of a cookie's id."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


@frozen
class Auth:
    """
    Who a cookie stands for: what Crossbar needs to let its client in without a challenge.

    `at`: when its user last proved it, with anything but the cookie; None where that is not known.
    """

    authid: str
    authrole: str
    authmethod: str
    authrealm: str
    # Applications put tokens in here: it is stored, and never printed.
    authextra: Mapping[str, Any] | None = field(default=None, repr=False)
    at: int | None = None

    @property
    def identity(self) -> tuple[str, str]:
        """Whose login it is: `(authid, authrealm)`."""
        return self.authid, self.authrealm


def matches(auth: Auth | None, authid: str | None, authrealm: str | None) -> bool:
    """Whether `auth` is a login of `authid` in `authrealm`. None is any, no login included."""
    if auth is None:
        return authid is None and authrealm is None
    return authid in (None, auth.authid) and authrealm in (None, auth.authrealm)


@frozen
class UserRevoked:
    """
    A revocation of everything that is logged in as `authid` in `authrealm`, None for any, except
    the records with the ids `keep`, which are at most `MAX_KEPT_IDS`.
    """

    authid: str | None
    authrealm: str | None
    keep: frozenset[str] = frozenset()

    def ends(self, id: str | None, auth: Auth | None) -> bool:
        """Whether it ends the login `auth` of the cookie `id`, None for a session without one."""
        return id not in self.keep and matches(auth, self.authid, self.authrealm)


@frozen
class Cookie:
    """
    One tracked client. The cookie's secret value is not in here: only its public id.

    `id`: see `header.id_of`. `created`, `seen`: when its client was first and last heard.
    `expires`: from this millisecond on the record counts as absent. `peer`: the client's address as
    Crossbar writes it (`tcp4:192.0.2.1:52410`). `auth`: None until a login was stored.
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
    """
    Store a new record. Does not apply where the id exists: a collision is never overwritten. Nor
    where the record has a login whose user was revoked since `since`: see `Authenticate`.
    """

    cookie: Cookie
    since: Any = None

    @property
    def id(self) -> str:
        return self.cookie.id


@frozen
class Authenticate:
    """
    Set who the cookie stands for, and `seen` to `at` if that is later. Does not apply where the id
    is absent, nor where `auth` is of a user who was revoked since `since`.

    `since`: the position in the store's feed (`IRevocationFeed`) that the caller knew when the
    login began; None where nobody else can have revoked the user.
    """

    id: str
    auth: Auth
    at: int
    since: Any = None


@frozen
class Touch:
    """
    Note that the client was heard. `seen` and `expires` only grow by it: a worker whose record is
    older takes nothing back. `peer` and `user_agent` are set. Does not apply where the id is
    absent: an update never revives.
    """

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


def stores_login(change: Change) -> bool:
    """Whether somebody is logged in by `change`, if it applies."""
    if isinstance(change, Create):
        return change.cookie.auth is not None
    return isinstance(change, Authenticate)


@frozen
class Login:
    """A login that a change stores, as its user's fences see it. `since`: see `Authenticate`."""

    id: str
    authid: str
    authrealm: str
    since: Any

    @property
    def identity(self) -> tuple[str, str]:
        """Whose login it is: `(authid, authrealm)`."""
        return self.authid, self.authrealm


def fenced_login(change: Change) -> Login | None:
    """The login that `change` stores, if a revocation of its user since `since` forbids that."""
    if isinstance(change, Authenticate):
        auth: Auth | None = change.auth
    elif isinstance(change, Create):
        auth = change.cookie.auth
    else:
        return None
    if auth is None or change.since is None:
        return None
    return Login(change.id, auth.authid, auth.authrealm, change.since)


def fenced_logins(changes: Iterable[Change]) -> list[Login]:
    """What `fenced_login` gives for each of `changes`, in order, where that is a login."""
    return [login for change in changes if (login := fenced_login(change))]


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
            return evolve(cookie, auth=auth, seen=max(cookie.seen, at))
        case Touch(_, seen, expires, peer, user_agent):
            seen, expires = max(cookie.seen, seen), max(cookie.expires, expires)
            return evolve(cookie, seen=seen, expires=expires, peer=peer, user_agent=user_agent)
        case Delete():
            return None


def as_mapping(cookie: Cookie) -> dict[str, Any]:
    """
    The record for programs: times in Unix milliseconds, None for what is unknown, and without the
    authextra, in which there may be secrets.
    """
    auth = cookie.auth
    return {
        "id": cookie.id,
        "authid": auth and auth.authid,
        "authrole": auth and auth.authrole,
        "authmethod": auth and auth.authmethod,
        "authrealm": auth and auth.authrealm,
        "logged_in": auth and auth.at,
        "created": cookie.created,
        "seen": cookie.seen,
        "expires": cookie.expires,
        "peer": cookie.peer,
        "user_agent": cookie.user_agent,
    }
