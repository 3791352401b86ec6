"""Every way in which sessions are ended, done to raw clients that ignore it."""

import re
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from attrs import define, evolve, field, frozen

from cookietrack_plugin.header import id_of
from tests.support.node import BIN, Node
from tests.support.rude import RudeClient
from tests.support.sites import Door, Site
from tests.support.wamp import GOODBYE, LOGOUT

EXPIRED = "cookietrack.close.expired"
MAINTENANCE = "com.example.maintenance"
# Seconds until another worker or node has heard of an end.
ELSEWHERE_S = 2.0
# Seconds within which a connection is cut off, even if its client does not respond.
CUT_OFF_S = 4.0
# Seconds between two things that a client says.
PACE_S = 0.1


@define
class Victim:
    """
    A client whose session is ended. `at_once`: nobody hears it from the acknowledged end on, as the
    worker that acknowledges is its own; otherwise that worker has to hear of it first. `ended` and
    `gone`: when it was, and when its connection was cut off (monotonic). `known_as`: where the
    router has it after its end. `told`: the messages that it got from then on.
    """

    key: str
    user: str
    door: Door
    client: RudeClient
    cookie: str
    at_once: bool
    talks: bool = True
    ended: float | None = None
    gone: float | None = None
    known_as: list[str] = field(factory=list)
    told: list[list[Any]] = field(factory=list)

    @property
    def is_off_at_once(self) -> bool:
        """A proxy worker tells the router, in which the session is, by another connection."""
        return self.at_once and self.door.administers

    def uri(self, kind: str) -> str:
        return f"test.{kind}." + re.sub(r"\W+", "_", self.key)

    def settle(self) -> None:
        """Become known to the router in every way, and be heard once."""
        self.client.register(self.uri("registration"))
        self.client.subscribe(self.uri("subscription"))
        self.client.send(self.client.babble(self.key))

    def go_on(self) -> None:
        """Say something, even after a GOODBYE; one that is idle does so only then."""
        # In this order: on a busy machine both can have come since the last look.
        if self.ended is None and self.client.has_received(GOODBYE):
            self.ended = time.monotonic()
        if self.client.is_gone():
            self.gone = self.gone or time.monotonic()
            return
        if self.talks or self.ended:
            self.client.send_anyway(self.client.babble(self.key))

    def look(self) -> None:
        """Ask its router what it has of it."""
        router = self.door.observer
        if self.client.session in router.sessions():
            self.known_as.append("session")
        for kind in ("registration", "subscription"):
            if router.call(f"wamp.{kind}.lookup", self.uri(kind)) is not None:
                self.known_as.append(kind)

    def heard_after_its_end(self) -> list[float]:
        """The seconds after its end at which it said what was heard."""
        assert self.ended is not None, f"{self.key} was not told that it is out"
        after = self.ended + (0 if self.at_once else ELSEWHERE_S)
        said = self.door.observer.heard_of(self.key, after)
        return [round(each.said - self.ended, 2) for each in said]

    def seconds_until_gone(self) -> float:
        return (self.gone or float("inf")) - (self.ended or 0)


End = Callable[[Site, Sequence[Victim]], Any]


@frozen
class Way:
    """
    `end`: it returns when the end is acknowledged; None where the time ends a session. All victims
    have one cookie, or one for each door. `acknowledged_by`: the door whose worker does it.
    """

    end: End | None
    acknowledged_by: str | None
    reason: str = LOGOUT
    one_cookie: bool = True
    demand: str = "plain"
    talks: bool = True

    def victims(self, name: str, site: Site) -> list[Victim]:
        user, cookie, victims = site.user(), None, []
        for door in (*site.here.values(), *site.elsewhere.values()):
            if not (cookie and self.one_cookie):
                user = site.user()
                client = door.client(demand=self.demand).log_in(user)
                cookie = client.given
            else:
                client = door.client(cookie, self.demand).come_back(user)
            assert cookie is not None
            key, at_once = f"{name} at the {door.name}", door.name == self.acknowledged_by
            victims.append(Victim(key, user, door, client, cookie, at_once, self.talks))
            victims[-1].settle()
        return victims


def _revoke(site: Site, victims: Sequence[Victim]) -> None:
    assert site.operator.call("cookietrack.revoke", _ids(victims))["cookies"] == 1


def _revoke_user(site: Site, victims: Sequence[Victim]) -> None:
    answer = site.operator.call("cookietrack.revoke_by_authid", *victims[0].user.split("@"))
    assert answer["cookies"] == 1


def _command(site: Site, victims: Sequence[Victim]) -> None:
    command(site.places[0].node, *_ids(victims))


def _command_user(site: Site, victims: Sequence[Victim]) -> None:
    command(site.places[0].node, "--authid", victims[0].user.partition("@")[0])


def command(node: Node, *arguments: str) -> str:
    """`cookietrack revoke` in the node's directory: what it prints."""
    words = [
        str(BIN / "cookietrack"),
        "revoke",
        str(node.cbdir),
        *arguments,
        "--yes",
    ]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def _log_out(at: str, site: Site, victims: Sequence[Victim]) -> None:
    with site.here[at].client(victims[0].cookie).come_back(victims[0].user) as tab:
        assert tab.log_out()[0] == GOODBYE


def _kill(reason: str, site: Site, victims: Sequence[Victim]) -> None:
    for victim in victims:
        router = victim.door.observer
        assert router.call("wamp.session.kill", victim.client.session, reason=reason) is None
        victim.ended = time.monotonic()


def _kill_user(site: Site, victims: Sequence[Victim]) -> None:
    authid = victims[0].user.partition("@")[0]
    killed = site.operator.call("wamp.session.kill_by_authid", authid, reason=LOGOUT)
    assert victims[0].client.session in killed


def _ids(victims: Sequence[Victim]) -> list[str]:
    return sorted({id_of(victim.cookie.partition("=")[2]) for victim in victims})


_ALONE = Way(None, None, EXPIRED, one_cookie=False)
WAYS = {
    # They take longest: what was ended before them would be cut off before anybody watches.
    "the command": Way(_command, None),
    "the command with --authid": Way(_command_user, None),
    "revoke": Way(_revoke, "router"),
    "revoke_by_authid": Way(_revoke_user, "router"),
    "logout at the router": Way(partial(_log_out, "router"), "router"),
    "logout at the proxy": Way(partial(_log_out, "proxy"), "proxy"),
    "kill with the logout reason": Way(partial(_kill, LOGOUT), "router", one_cookie=False),
    "kill": Way(partial(_kill, MAINTENANCE), "router", MAINTENANCE, one_cookie=False),
    "kill_by_authid": Way(_kill_user, "router"),
    "max_age": evolve(_ALONE, demand="short"),
    "idle_timeout": evolve(_ALONE, demand="idle", talks=False),
}


def end_all(site: Site) -> dict[str, list[Victim]]:
    """End sessions in every way, and watch until the last connection is cut off, or should be."""
    found = {name: way.victims(name, site) for name, way in WAYS.items()}
    victims = [victim for some in found.values() for victim in some]
    for name, way in WAYS.items():
        if way.end is not None:
            _end(site, way.end, found[name])
            for victim in victims:
                victim.go_on()
    last = time.monotonic()
    _watch(victims, last + ELSEWHERE_S)
    for victim in victims:
        if not victim.is_off_at_once:
            victim.look()
    _watch(victims, last + 2 * CUT_OFF_S)
    for victim in victims:
        victim.door.observer.catch_up()
        victim.told = victim.client.rest() if victim.gone else []
        victim.client.close()
    return found


def _end(site: Site, end: End, victims: Sequence[Victim]) -> None:
    end(site, victims)
    now = time.monotonic()
    for victim in victims:
        victim.ended = victim.ended or now
        victim.client.send_anyway(victim.client.babble(victim.key))
        if victim.is_off_at_once:
            victim.look()


def _watch(victims: Sequence[Victim], until: float) -> None:
    """The clients go on, until that moment or until all are gone."""
    while time.monotonic() < until and not all(victim.gone for victim in victims):
        for victim in victims:
            victim.go_on()
        time.sleep(PACE_S)
