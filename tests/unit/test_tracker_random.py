"""Hundreds of things in any order, on a store that comes and goes: what must hold all the same."""

import random

import pytest

from cookietrack_plugin.errors import StoreFull, StoreUnavailable
from cookietrack_plugin.record import Delete
from tests.support.connections import FakeConnection
from tests.support.trackers import DAY, POLICY

STEPS = 300


class Crowd:
    """Clients who come, log in, log out and leave, and what each of them was told."""

    def __init__(self, tracked, seed):
        self.tracked = tracked
        self.tracker, self.store, self.reactor = tracked.tracker, tracked.store, tracked.reactor
        self.random = random.Random(seed)
        self.clients = []
        self.issued = []
        # Ids whose end was told; by id the user whose login was told last.
        self.gone = set()
        self.known = {}
        # By id what was asked for last: only that can say who it is.
        self.latest = {}
        self.coming = self.welcomes = 0

    def step(self):
        steps = [self.come] * 4 + [self.log_in] * 4 + [self.leave] * 2 + [self.log_out]
        steps += [self.fail, self.recover, self.recover, self.wait]
        self.random.choice(steps)()
        self.reactor.turn()
        if self.random.random() < 0.5:
            # Let the threads get somewhere, but not always to the end.
            self.reactor.take_one(patience=0.004)
        self.check()

    def come(self):
        presented = self.random.choice([None, *self.issued]) if self.issued else None
        self.coming += 1
        admitted = self.tracked.admit(presented)
        admitted.addBoth(self.answered).addCallbacks(self.entered, lambda _: None)

    def answered(self, result):
        self.coming -= 1
        return result

    def entered(self, admission):
        id, client = admission.cookie.id, FakeConnection()
        assert id not in self.gone, "a cookie that was ended let somebody in"
        if id in self.known:
            assert admission.cookie.auth == self.tracked.auth(self.known[id])
        self.tracker.enter(admission, POLICY, client)
        self.issued.append(id)
        self.clients.append((id, client))

    def pick(self):
        return self.random.choice(self.clients) if self.clients else (None, None)

    def log_in(self):
        id, _ = self.pick()
        if id and self.tracker.connections.live(id):
            authid = self.random.choice(["joe", "ann", None])
            self.known.pop(id, None)
            self.tracked.log_in(id, authid)
            self.latest[id] = latest = object()
            self.tracker.settled(id).addCallbacks(
                lambda _: self.welcomed(id, authid, latest), lambda _: None
            )

    def welcomed(self, id, authid, latest):
        if self.latest[id] is latest and self.tracker.connections.live(id):
            assert self.tracked.stored_authid(id) == authid, "told before it was durable"
            self.known[id] = authid
            self.welcomes += 1

    def log_out(self):
        id, _ = self.pick()
        if id:
            self.known.pop(id, None)
            self.latest[id] = None
            self.tracker.revoke(id).addErrback(lambda _: None)
            self.tracker.settled(id).addCallbacks(lambda _: self.farewell(id), lambda _: None)
            assert self.tracker.current(id) is None

    def farewell(self, id):
        assert id not in self.store.cookies, "told before it was gone"
        self.gone.add(id)

    def leave(self):
        if self.clients:
            id, client = self.clients.pop(self.random.randrange(len(self.clients)))
            self.tracker.drop(id, client)

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
            assert self.tracker.current(id) is None

    def go_home(self):
        """Everybody leaves, and the store answers again."""
        self.store.recover()
        self.reactor.turn_until(lambda: self.is_quiet() or self.reactor.advance(1))
        while self.clients:
            self.leave()

    def is_quiet(self):
        tracker = self.tracker
        return not (self.coming or tracker.committer.pending or tracker._deletions._refused)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_nobody_is_told_what_is_not_true_and_nothing_is_left(tracked, seed):
    crowd = Crowd(tracked, seed)
    for _ in range(STEPS):
        crowd.step()
    crowd.go_home()
    crowd.check()
    tracker = tracked.tracker
    deleted = {change.id for change in tracked.store.changes if isinstance(change, Delete)}
    assert not deleted & set(tracked.store.cookies)
    assert crowd.welcomes
    assert crowd.gone
    for id, authid in crowd.known.items():
        if id in tracked.store.cookies:
            assert tracked.stored_authid(id) == authid
    assert len(tracker.connections) == 0
    assert tracker.committer._waiting == {}
    assert tracker.lookup._reading == {}
    assert tracker._lifetimes._expiry._ticks == {}
    tracked.reactor.advance(10)
    tracked.reactor.turn_until(lambda: not tracker._lifetimes._touches._touches)
    assert all(
        cookie.expires <= tracker.clock.now() + DAY * 1000
        for cookie in tracked.store.cookies.values()
    )
