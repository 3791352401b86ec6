"""Random histories of a store: what is asked of it, one call after the other."""

import random
from collections.abc import Callable, Mapping, Sequence

from attrs import evolve, field, frozen

from cookietrack_plugin.record import (
    Auth,
    Authenticate,
    Change,
    Cookie,
    Create,
    Delete,
    Login,
    Touch,
    UserRevoked,
    matches,
    stores_login,
)
from cookietrack_plugin.stores.kit.fold import fold
from cookietrack_plugin.testing.samples import DAY, NOW, make_id

Records = Mapping[str, Cookie]

IDS = [make_id(number) for number in range(12)]
USERS = [("joe", "realm1"), ("joe", "realm2"), ("mary", "realm1")]
# Every record is expired by a sweep of this moment, or by none.
SWEEP = NOW + 1000
# The position in the feed that a process knows when it begins a login.
KNOWN = "known"
# More than a history has records: a sweep leaves none of those that are due.
ALL = 1024


def begun_now(change: Change) -> Change:
    """The change; a login in it begins with it, and its user's revocations bar it from then on."""
    if isinstance(change, Create | Authenticate) and stores_login(change):
        return evolve(change, since=KNOWN)
    return change


@frozen
class Commit:
    """`unblocked`: through `begin` and `finish`, where the store has them."""

    changes: Sequence[Change]
    unblocked: bool = False

    def after(self, records: Records) -> tuple[Records, object]:
        """What a store holds after this step, and what the step returned."""
        touched = {change.id for change in self.changes}
        outcome = fold(self.changes, {id: records[id] for id in touched if id in records})
        kept = {id: cookie for id, cookie in records.items() if id not in touched}
        new = {id: cookie for id, cookie in outcome.after.items() if isinstance(cookie, Cookie)}
        return {**kept, **new}, list(outcome.applied)


@frozen
class Expire:
    now: int = SWEEP

    def after(self, records: Records) -> tuple[Records, object]:
        kept = {id: cookie for id, cookie in records.items() if cookie.expires > self.now}
        return kept, len(records) - len(kept)


@frozen
class RevokeUser:
    authid: str | None
    authrealm: str | None
    keep: frozenset[str] = frozenset()

    def ends(self, id: str, auth: Auth | None) -> bool:
        return id not in self.keep and matches(auth, self.authid, self.authrealm)

    def bars(self, login: Login) -> bool:
        """Whether the login, which has begun before, does not apply any more."""
        return login.id not in self.keep and (
            self.authid in (None, login.authid) and self.authrealm in (None, login.authrealm)
        )

    def after(self, records: Records) -> tuple[Records, object]:
        kept = {id: each for id, each in records.items() if not self.ends(id, each.auth)}
        return kept, len(records) - len(kept)

    def entry(self) -> UserRevoked:
        """What the feed tells of it."""
        return UserRevoked(self.authid, self.authrealm, self.keep)


Step = Commit | Expire | RevokeUser


@frozen
class Author:
    """
    Writes steps. Every record that it creates differs from every other one. `repeats`: whether a
    batch may have several changes of one record.
    """

    choice: random.Random
    ids: Sequence[str] = field(factory=lambda: IDS)
    repeats: bool = True
    _serial: list[int] = field(factory=lambda: [0])

    def history(self, length: int) -> list[Step]:
        return [self.step() for _ in range(length)]

    def step(self) -> Step:
        dice = self.choice.random()
        if dice < 0.04:
            return Expire()
        if dice < 0.1:
            authid, authrealm = self.choice.choice(USERS)
            keep = frozenset(self.choice.sample(self.ids, self.choice.randrange(2)))
            return RevokeUser(authid, self.choice.choice([authrealm, None]), keep)
        return self.commit()

    def commit(self) -> Commit:
        number = self.choice.choice([1, 1, 1, 2, 3, 8])
        if self.repeats:
            ids = self.choice.choices(self.ids, k=number)
        else:
            ids = self.choice.sample(self.ids, min(number, len(self.ids)))
        changes = [self._change(id) for id in ids]
        return Commit(changes, unblocked=self.choice.random() < 0.7)

    def lone(self) -> Commit:
        """A commit of one change."""
        return Commit([self._change(self.choice.choice(self.ids))])

    def _change(self, id: str) -> Change:
        moment = NOW + self._next()
        kinds: list[Callable[[str, int], Change]] = [
            *(self._create, self._create, self._login, self._touch, lambda id, _: Delete(id)),
        ]
        return self.choice.choice(kinds)(id, moment)

    def _create(self, id: str, moment: int) -> Create:
        expires = self.choice.choice([SWEEP, SWEEP + DAY])
        auth = self._auth(moment) if self.choice.random() < 0.3 else None
        return Create(Cookie(id, moment, expires, moment, f"tcp4:{moment}", self._agent(), auth))

    def _login(self, id: str, moment: int) -> Authenticate:
        return Authenticate(id, self._auth(moment), moment)

    def _touch(self, id: str, moment: int) -> Touch:
        return Touch(id, moment, SWEEP + DAY + moment % 7, f"tcp6:{moment}", self._agent())

    def _auth(self, moment: int) -> Auth:
        authid, authrealm = self.choice.choice(USERS)
        # Now and then more than a page, or the buffer of a pipe.
        size = self.choice.choice([0, 0, 0, 20, 300, 9000])
        extra = {"moment": moment, "token": "t" * size} if size else None
        return Auth(authid, "user", "ticket", authrealm, extra)

    def _agent(self) -> str:
        return "Mozilla/5.0 " + "x" * self.choice.choice([0, 40, 300])

    def _next(self) -> int:
        self._serial[0] += 1
        return self._serial[0]
