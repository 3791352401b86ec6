"""Hundreds of things in any order, on a store that comes and goes: what must hold all the same."""

import random

import pytest

from cookietrack_plugin.errors import StoreFull, StoreUnavailable
from cookietrack_plugin.record import Authenticate
from cookietrack_plugin.testing.samples import make_auth
from tests.support.connections import FakeLink
from tests.support.trackers import DAY, POLICY

STEPS = 300
USERS = ("joe", "ann")


class Crowd:
    """Clients who come, log in, log out and leave, and what each of them was answered."""

    def __init__(self, tracked, seed):
        self.tracked = tracked
        self.tracker, self.store, self.reactor = tracked.tracker, tracked.store, tracked.reactor
        self.random = random.Random(seed)
        # Open connections, and the ids that were handed out.
        self.links = []
        self.issued = []
        # Ids and users whose end was acknowledged, and how many logins were accepted before.
        self.gone = set()
        self.coming = self.joins = 0

    def step(self):
        steps = [self.come] * 4 + [self.log_in] * 4 + [self.leave] * 2 + [self.log_out]
        steps += [self.revoke, self.revoke_user, self.fail, self.recover, self.recover, self.wait]
        self.random.choice(steps)()
        self.reactor.turn()
        if self.random.random() < 0.5:
            # Let the threads get somewhere, but not always to the end.
            self.reactor.take_one(patience=0.004)
        self.check()

    def come(self):
        presented = self.random.choice([(), *((id,) for id in self.issued)])
        self.coming += 1
        admitted = self.tracked.admit(*presented)
        admitted.addBoth(self.answered).addCallbacks(self.entered, lambda _: None)

    def answered(self, result):
        self.coming -= 1
        return result

    def entered(self, admission):
        assert admission.cookie.id not in self.gone, "a cookie that was ended let somebody in"
        link = FakeLink()
        link.connection = self.tracker.enter(admission, POLICY, link)
        self.issued.append(admission.cookie.id)
        self.links.append(link)

    def log_in(self):
        link = self.pick()
        if link and link.connection.session is None:
            auth = make_auth(self.random.choice(USERS))
            self.tracker.hello(link.connection).addCallback(
                lambda _: self.tracker.accept(link.connection, auth, True)
            ).addCallbacks(lambda _: self.joined(link, auth), lambda _: None)

    def joined(self, link, auth):
        self.joins += 1
        id = link.connection.id
        assert not link.ended, "a session joined on a connection that was ended"
        stored = [(each.id, each.auth) for each in self.store.changes if _is_login(each)]
        assert id is None or (id, auth) in stored, "joined before it was durable"

    def log_out(self):
        link = self.pick()
        if link and (id := link.connection.id):
            self.tracker.leave(link.connection)
            self.tracker.log_out(link.connection).addCallbacks(
                lambda _: self.ended(id), lambda _: None
            )

    def revoke(self):
        if self.issued:
            id = self.random.choice(self.issued)
            self.tracker.revoke([id]).addCallbacks(lambda _: self.ended(id), lambda _: None)

    def ended(self, id):
        assert id not in self.store.cookies, "acknowledged before it was gone"
        self.gone.add(id)

    def revoke_user(self):
        user = self.random.choice(USERS)
        inside = [each for each in self.links if _is_of(each, user)]
        self.tracker.revoke_user(user).addCallbacks(
            lambda _: self.user_ended(inside), lambda _: None
        )

    def user_ended(self, inside):
        assert all(link.ended or link not in self.links for link in inside)

    def pick(self):
        open_ = [link for link in self.links if not link.ended]
        return self.random.choice(open_) if open_ else None

    def leave(self):
        if self.links:
            link = self.links.pop(self.random.randrange(len(self.links)))
            self.tracker.drop(link.connection)

    def fail(self):
        self.store.fail_commits(self.random.choice([StoreUnavailable, StoreFull, ValueError]))
        if self.random.random() < 0.3:
            self.store.fail_loads()

    def recover(self):
        self.store.recover()

    def wait(self):
        self.reactor.advance(self.random.choice([0.3, 5, 40]))

    def check(self):
        for id in self.gone:
            assert id not in self.store.cookies, "it came back"
            assert self.tracker.known(id, POLICY) is None
        for link in self.links:
            assert link.connection.ended == link.ended
            assert not (link.ended and link.connection.session), "a session outlived its end"

    def go_home(self):
        """All of them leave, and the store answers again."""
        self.store.recover()
        self.reactor.turn_until(lambda: self.is_quiet() or self.reactor.advance(1))
        while self.links:
            self.leave()

    def is_quiet(self):
        tracker = self.tracker
        unstored = [*tracker._deletions, *tracker._revocations]
        return not (self.coming or tracker.pending or unstored)


def _is_login(change):
    return isinstance(change, Authenticate)


def _is_of(link, user):
    session = link.connection.session
    return session is not None and session.authid == user


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_nobody_is_in_who_should_be_out_and_nothing_is_left(tracked, seed):
    crowd = Crowd(tracked, seed)
    for _ in range(STEPS):
        crowd.step()
    crowd.go_home()
    crowd.check()
    assert crowd.joins
    assert crowd.gone
    tracker = tracked.tracker
    assert tracker.connected == 0
    assert list(tracker._connections) == []
    assert tracked.access._committer._pending == {}
    assert tracker._lifetimes._expiry._ticks == {}
    tracked.reactor.turn_until(lambda: not tracked.access._lookup._in_flight)
    tracked.reactor.advance(10)
    tracked.reactor.turn_until(lambda: not tracker._lifetimes._touches._touches)
    assert all(
        cookie.expires <= tracker.clock.now() + DAY * 1000
        for cookie in tracked.store.cookies.values()
    )
