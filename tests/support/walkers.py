"""
Clients that do what comes to their mind at the nodes of a cluster, and know who must be known.

Each walker has users of its own, so that others cannot change what it knows; what it does is done
in order, and what all of them do is done at once.
"""

import random
from collections.abc import Sequence
from typing import Any

from attrs import Factory, define

from benchmarks.load import wire
from cookietrack_plugin.admin.removal import delete
from cookietrack_plugin.header import id_of
from cookietrack_plugin.interfaces import ICookieStore
from tests.support.wamp import GOODBYE, LOGOUT, WampClient

TICKET = "a-ticket"
OPERATOR = "operator"
NOT_STORED = "cookietrack.error.login_not_stored"
# So many steps later every node has read of a revocation.
RECENT = 50
# How often each is done, compared with the others.
OPERATIONS = {
    "come": 2,
    "log_in": 6,
    "come_back": 8,
    "leave": 2,
    "log_out": 2,
    "revoke": 2,
    "revoke_user": 1,
}


def principals(*others: str, walkers: int) -> dict[str, Any]:
    """The users of so many walkers, and `others`, for a ticket authentication."""
    names = [OPERATOR, *others, *(user for number in range(walkers) for user in users(number))]
    return {name: {"ticket": TICKET, "role": "user"} for name in names}


def users(walker: int) -> list[str]:
    return [f"{name}{walker}" for name in ("ada", "ben")]


def id_in(cookie: str) -> str:
    return id_of(cookie.partition("=")[2])


def logged_in(port: int, authid: str) -> WampClient:
    """A new client that has logged in; its cookie is `given`."""
    client = WampClient(port)
    assert client.hello(authid)[0] == wire.CHALLENGE
    assert client.authenticate(TICKET)[0] == wire.WELCOME
    return client


@define
class Walker:
    """
    `ports`: of the nodes. `store`: the one behind them, as the command opens it.

    `owners`: by cookie, who has to be known by it, None for nobody. `inside`: open connections with
    their cookies. `doomed`: open ones whose cookie was ended. `done`: what was done so far.
    """

    number: int
    ports: Sequence[int]
    store: ICookieStore
    owners: dict[str, str | None] = Factory(dict)
    inside: list[tuple[str, WampClient]] = Factory(list)
    doomed: list[WampClient] = Factory(list)
    done: list[str] = Factory(list)
    choice: random.Random = Factory(random.Random)
    operators: list[WampClient] = Factory(list)

    def walk(self, steps: int) -> None:
        self.choice.seed(self.number)
        self.operators = [logged_in(port, OPERATOR) for port in self.ports]
        try:
            for _ in range(steps):
                [name] = self.choice.choices(list(OPERATIONS), list(OPERATIONS.values()))
                self.done.append(name)
                getattr(self, name)()
            self.check_connections()
        except Exception as error:
            raise AssertionError(f"walker {self.number} after {self.done[-20:]}") from error
        finally:
            self._go_home()

    # -- what they do ------------------------------------------------------------------------

    def come(self) -> None:
        with WampClient(self._port()) as client:
            self._note(client, None)

    def log_in(self) -> None:
        """With no cookie, or with one that is worth nothing."""
        worthless = [cookie for cookie, owner in self.owners.items() if owner is None]
        cookie = self.choice.choice([None, *worthless[-3:]])
        client, authid = WampClient(self._port(), cookie), self._user()
        assert client.hello(authid)[0] == wire.CHALLENGE, f"{cookie} was worth something"
        answer = client.authenticate(TICKET)
        if answer[0] == wire.WELCOME:
            self.inside.append((self._note(client, authid), client))
            return
        # The node has not read yet that the user was revoked a moment ago.
        assert answer[2] == NOT_STORED
        assert "revoke_user" in self.done[-RECENT:]
        self._note(client, None)
        client.close()

    def come_back(self) -> None:
        if not self.owners:
            return
        known = self._known()
        pool = known if known and self.choice.random() < 0.6 else list(self.owners)
        cookie = self.choice.choice(pool)
        client, owner = WampClient(self._port(), cookie), self.owners[cookie]
        answer = client.hello(owner or self._user())
        if owner is None:
            assert answer[0] == wire.CHALLENGE, f"{cookie} is known as {answer}"
            self._note(client, None)
            client.close()
        else:
            assert answer[0] == wire.WELCOME, f"{cookie} of {owner} is answered {answer}"
            told = answer[2]
            assert (told["authid"], told["authprovider"]) == (owner, "cookie")
            assert client.given is None
            self.inside.append((cookie, client))

    def leave(self) -> None:
        if self.inside:
            self._any_inside()[1].close()

    def log_out(self) -> None:
        if self.inside:
            cookie, client = self._any_inside()
            assert client.log_out()[0] == GOODBYE
            client.close()
            self._end([cookie])

    def revoke(self) -> None:
        known = self._known()
        ended = self.choice.sample(known, min(len(known), self.choice.randint(1, 3)))
        ids = [id_in(cookie) for cookie in ended]
        if self.choice.random() < 0.5:
            assert delete(self.store, ids) == len(ids)
        else:
            assert self._operate("cookietrack.revoke", ids)["cookies"] == len(ids)
        self._end(ended)

    def revoke_user(self) -> None:
        authid = self._user()
        ended = [cookie for cookie, owner in self.owners.items() if owner == authid]
        assert self._operate("cookietrack.revoke_by_authid", authid)["cookies"] == len(ended)
        self._end(ended)

    # -- what has to be true -----------------------------------------------------------------

    def check_connections(self) -> None:
        """Those of ended cookies are closed, with the reason; all others are open."""
        for client in self.doomed:
            said, _ = client.wait_closed()
            assert [message[0] for message in said] == [GOODBYE]
            assert said[0][2] == LOGOUT
        for cookie, client in self.inside:
            count = client.call("wamp.session.count")
            assert count > 0, f"{cookie} of {self.owners[cookie]}"

    def known_ids(self) -> dict[str, str]:
        """By id, who has to be in the store."""
        return {id_in(cookie): owner for cookie, owner in self.owners.items() if owner}

    # -- helpers -----------------------------------------------------------------------------

    def _port(self) -> int:
        return self.choice.choice(self.ports)

    def _user(self) -> str:
        return self.choice.choice(users(self.number))

    def _known(self) -> list[str]:
        return [cookie for cookie, owner in self.owners.items() if owner]

    def _any_inside(self) -> tuple[str, WampClient]:
        return self.inside.pop(self.choice.randrange(len(self.inside)))

    def _operate(self, procedure: str, *args: Any) -> Any:
        return self.choice.choice(self.operators).call(procedure, *args)

    def _note(self, client: WampClient, owner: str | None) -> str:
        """The cookie that a client was given, which has to be a new one."""
        assert client.given is not None
        assert client.given not in self.owners
        self.owners[client.given] = owner
        return client.given

    def _end(self, cookies: Sequence[str]) -> None:
        for cookie in cookies:
            self.owners[cookie] = None
        self.doomed += [client for cookie, client in self.inside if cookie in cookies]
        self.inside = [each for each in self.inside if each[0] not in cookies]

    def _go_home(self) -> None:
        for client in (*self.operators, *self.doomed, *(each for _, each in self.inside)):
            client.close()
