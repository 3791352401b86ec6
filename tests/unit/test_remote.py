"""What others have ended, as it takes effect here: nobody stays in by what was read before."""

from typing import Any

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Authenticate, Delete, UserRevoked
from cookietrack_plugin.testing.samples import NOW, make_auth, make_id
from cookietrack_plugin.tracking import remote as module
from cookietrack_plugin.tracking.remote import RemoteRevocations
from cookietrack_plugin.tracking.revocation import LOGOUT
from tests.support.trackers import Tracked

ANN = make_auth("ann")
ANONYMOUS = evolve(make_auth("anyone"), authmethod="anonymous")


@pytest.fixture
def remote(tracked: Tracked) -> RemoteRevocations:
    """What the feed of the tracker's store would tell, if it had one."""
    return remote_of(tracked)


def remote_of(tracked: Tracked) -> RemoteRevocations:
    revoker = tracked.tracker._revoker
    return RemoteRevocations(
        tracked.access, revoker._connections, tracked.tracker._termination, revoker
    )


def apply(tracked: Tracked, *page: str | UserRevoked) -> None:
    """A page of the feed takes effect."""
    tracked.reactor.result_of(remote_of(tracked).apply(page))
    tracked.reactor.turn()


class TestACookieThatWasDeleted:
    def test_loses_its_connections(self, tracked):
        id, link = tracked.visit()
        _, stranger = tracked.visit()
        tracked.store._apply(Delete(id))
        apply(tracked, id)
        assert (link.reasons, stranger.reasons) == ([LOGOUT], [])

    def test_may_have_none(self, tracked):
        loads = len(tracked.store.loaded)
        apply(tracked, make_id(77))
        assert len(tracked.store.loaded) == loads

    def test_is_looked_up_once_however_often_it_is_named(self, tracked):
        id, link = tracked.visit()
        tracked.store._apply(Delete(id))
        loads = len(tracked.store.loaded)
        apply(tracked, id, id, id)
        assert len(tracked.store.loaded) == loads + 1
        assert link.reasons == [LOGOUT]

    def test_is_known_to_be_so_if_it_can_be_looked_up(self, tracked, remote):
        id, link = tracked.visit()
        tracked.store._apply(Delete(id))
        tracked.store.fail_loads()
        with pytest.raises(StoreUnavailable):
            tracked.reactor.result_of(remote.apply([id]))
        assert link.reasons == []

    def test_may_lose_its_last_connection_while_it_is_looked_up(
        self, make_store, make_tracked, log
    ):
        tracked = make_tracked(make_store(reads_block=True))
        id, link = tracked.visit()
        tracked.store._apply(Delete(id))
        tracked.store.reads.shut()
        applied = remote_of(tracked).apply([id])
        tracked.reactor.turn_until(tracked.store.reads.reached())
        tracked.tracker.drop(link.connection)
        log.events.clear()
        tracked.store.reads.open()
        tracked.reactor.result_of(applied)
        assert (link.done, log.at("info")) == ([], [])

    def test_that_is_there_after_all_stays(self, tracked):
        """A feed may name something twice."""
        id, link = tracked.enter()
        apply(tracked, id)
        assert (link.reasons, tracked.authid(id)) == ([], "joe")


class TestACookieThatBecameAnothers:
    def log_in_elsewhere(self, tracked: Tracked, id: str) -> None:
        tracked.store._apply(Authenticate(id, ANN, NOW))

    def test_loses_the_sessions_of_its_owner(self, tracked):
        id, link = tracked.enter("joe")
        _, anonymous = tracked.visit(id)
        self.log_in_elsewhere(tracked, id)
        apply(tracked, id)
        assert (link.reasons, anonymous.reasons) == ([LOGOUT], [])
        assert tracked.authid(id) == "ann"

    def test_loses_them_though_a_handshake_has_seen_it_before(self, tracked):
        id, link = tracked.enter("joe")
        self.log_in_elsewhere(tracked, id)
        _, tab = tracked.visit(id)
        apply(tracked, id)
        assert (link.reasons, tab.reasons) == ([LOGOUT], [])

    def test_loses_them_though_a_hello_has_seen_it_before(self, make_store, make_tracked):
        tracked = make_tracked(make_store())
        id, link = tracked.enter("joe")
        _, tab = tracked.visit(id)
        self.log_in_elsewhere(tracked, id)
        assert tracked.hello(tab).auth == ANN
        apply(tracked, id)
        assert (link.reasons, tab.reasons) == ([LOGOUT], [])


class TestAUserWhoWasRevoked:
    def test_loses_all_sessions_at_once(self, tracked, remote):
        _, link = tracked.enter("joe")
        _, stranger = tracked.enter("ann")
        remote.apply([UserRevoked("joe", None)])
        assert (link.ended, stranger.ended) == (True, False)
        tracked.reactor.turn()
        assert (link.reasons, stranger.reasons) == ([LOGOUT], [])

    def test_keeps_what_is_to_be_kept(self, tracked):
        id, link = tracked.enter("joe")
        apply(tracked, UserRevoked("joe", None, frozenset([id])))
        assert link.reasons == []

    def test_cannot_go_on_with_a_login_that_began_before(self, tracked):
        _, link = tracked.visit()
        tracked.hello(link)
        apply(tracked, UserRevoked("joe", None))
        refused: list[Any] = []
        tracked.accept(link, "joe").addErrback(refused.append)
        assert "revoked" in str(refused[0].value)


class TestALookUpInFlight:
    """It has read the record that another worker deletes."""

    @pytest.fixture
    def tracked(self, make_store: Any, make_tracked: Any) -> Tracked:
        return make_tracked(make_store(reads_block=True))

    def comes_back(self, tracked: Tracked, id: str) -> Deferred[Any]:
        tracked.store.reads.shut()
        arrived = tracked.store.reads.arrived
        admitted = tracked.admit(id)
        tracked.reactor.turn_until(tracked.store.reads.reached(arrived + 1))
        return admitted

    @pytest.mark.parametrize("is_open", [True, False], ids=["a second tab", "the only one"])
    @pytest.mark.parametrize("user", [True, False], ids=["user", "cookie"])
    def test_does_not_bring_it_back(self, tracked, is_open, user):
        id, link = tracked.enter("joe")
        if not is_open:
            tracked.tracker.drop(link.connection)
        admitted = self.comes_back(tracked, id)
        tracked.store._apply(Delete(id))
        applied = remote_of(tracked).apply([UserRevoked("joe", None) if user else id])
        tracked.store.reads.open()
        tracked.reactor.result_of(applied)
        assert tracked.reactor.result_of(admitted).created
        assert link.ended == is_open

    def test_does_not_bring_it_back_where_nobody_can_tell_what_was_revoked(self, tracked):
        id, link = tracked.enter("joe")
        tracked.tracker.drop(link.connection)
        admitted = self.comes_back(tracked, id)
        tracked.store._apply(Delete(id))
        synced = remote_of(tracked).resynchronize()
        tracked.store.reads.open()
        tracked.reactor.result_of(synced)
        assert tracked.reactor.result_of(admitted).created


class TestWhenNobodyCanTellWhatWasRevoked:
    def synchronize(self, tracked: Tracked) -> None:
        tracked.reactor.result_of(remote_of(tracked).resynchronize())
        tracked.reactor.turn()

    def test_every_cookie_with_a_connection_is_looked_up(self, tracked):
        gone, link = tracked.visit()
        left, other = tracked.visit()
        stays, third = tracked.enter("ann")
        tracked.tracker.drop(other.connection)
        tracked.store._apply(Delete(gone))
        loads = [id for ids in tracked.store.loaded for id in ids]
        self.synchronize(tracked)
        assert (link.reasons, third.reasons) == ([LOGOUT], [])
        looked_up = [id for ids in tracked.store.loaded for id in ids][len(loads) :]
        assert set(looked_up) == {gone, stays}
        assert left not in looked_up

    def test_logins_that_no_record_has_are_ended(self, tracked):
        """Their user may have been revoked."""
        _, stored = tracked.enter("joe")
        _, unstored = tracked.visit()
        tracked.log_in(unstored, "joe", stores=False)
        _, logged_out = tracked.enter("joe")
        tracked.reactor.result_of(tracked.tracker.log_out(logged_out.connection))
        tracked.log_in(logged_out, "joe")
        self.synchronize(tracked)
        assert stored.reasons == []
        assert unstored.reasons == logged_out.reasons == [LOGOUT]

    def test_a_login_that_another_identitys_record_does_not_have_is_ended(self, tracked):
        id, link = tracked.enter("joe")
        tracked.store._apply(Authenticate(id, ANN, NOW))
        _, tab = tracked.visit(id)
        self.synchronize(tracked)
        assert (link.reasons, tab.reasons) == ([LOGOUT], [])

    def test_anonymous_sessions_and_those_who_have_said_nothing_stay(self, tracked):
        _, silent = tracked.visit()
        _, anonymous = tracked.visit()
        tracked.log_in(anonymous, ANONYMOUS, stores=False)
        self.synchronize(tracked)
        assert silent.reasons == anonymous.reasons == []

    def test_nobody_is_ended_for_want_of_a_record_before_all_is_looked_up(self, tracked, remote):
        _, unstored = tracked.visit()
        tracked.log_in(unstored, "joe", stores=False)
        tracked.store.fail_loads()
        with pytest.raises(StoreUnavailable):
            tracked.reactor.result_of(remote.resynchronize())
        assert unstored.reasons == []


def test_a_turn_of_the_reactor_is_not_filled_with_look_ups(
    make_store, make_tracked, monkeypatch, reactor
):
    """Where the store is read in place."""
    monkeypatch.setattr(module, "MAX_PER_TURN", 2)
    tracked = make_tracked(make_store())
    links = [tracked.visit() for _ in range(5)]
    for id, _ in links[1:]:
        tracked.store._apply(Delete(id))
    before = len(tracked.store.loaded)
    synced = remote_of(tracked).resynchronize()
    assert len(tracked.store.loaded) - before == 2
    reactor.result_of(synced)
    assert len(tracked.store.loaded) - before == 5
    reactor.turn()
    assert sorted(link.reasons == [LOGOUT] for _, link in links) == [False, *[True] * 4]
