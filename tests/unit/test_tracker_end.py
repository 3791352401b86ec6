"""The end of a cookie: at once here, durable before anybody is told, and for ever."""

import pytest
from cookietrack_plugin.tracking.deletion import FIRST_RETRY, LAST_RETRY

from cookietrack_plugin.errors import StoreFull, StoreUnavailable
from cookietrack_plugin.record import Delete
from cookietrack_plugin.testing.samples import make_id

LOGOUT = "wamp.close.logout"


def deletes(store):
    return [change for change in store.changes if isinstance(change, Delete)]


def end(tracked, id):
    return tracked.reactor.result_of(tracked.tracker.revoke(id))


@pytest.fixture(params=[False, True], ids=["quick reads", "slow reads"])
def slow(request, make_store, make_tracked):
    """A tracker whose commits can be held."""
    return make_tracked(make_store(reads_block=request.param, commits_block=True))


class TestTheEndOfACookie:
    def test_is_durable_when_it_fires_and_counts_what_ended(self, tracked):
        id, _ = tracked.visit()
        tracked.visit(id)
        assert end(tracked, id) == (1, 2)
        assert id not in tracked.store.cookies

    def test_counts_nothing_for_a_cookie_that_is_not_there(self, tracked):
        assert end(tracked, make_id(77)) == (0, 0)

    def test_can_be_asked_for_again(self, tracked):
        id, _ = tracked.visit()
        first, second = tracked.tracker.revoke(id), tracked.tracker.revoke(id)
        assert tracked.reactor.result_of(first) == (1, 1)
        assert tracked.reactor.result_of(second) == (0, 0)
        assert end(tracked, id) == (0, 0)

    def test_counts_at_once_for_this_process_and_its_connections(self, slow):
        id, client = slow.visit()
        slow.log_in(id)
        slow.settle(id)
        slow.store.commits.shut()
        ended = slow.tracker.revoke(id)
        assert slow.tracker.current(id) is None
        assert client.forgot == 1
        assert slow.tracker.connections.of(id) == []
        slow.store.commits.open()
        slow.reactor.result_of(ended)

    def test_closes_every_connection_once_it_is_durable_and_not_before(self, slow):
        id, first = slow.visit()
        _, second = slow.visit(id)
        _, stranger = slow.visit()
        slow.store.commits.shut()
        ended = slow.tracker.revoke(id)
        slow.reactor.turn_until(slow.store.commits.reached(3))
        slow.reactor.turn()
        assert first.ended == second.ended == []
        slow.store.commits.open()
        slow.reactor.result_of(ended)
        slow.reactor.turn()
        assert first.ended == second.ended == [LOGOUT]
        assert stranger.ended == []

    def test_does_not_close_in_the_turn_in_which_it_is_asked_for(self, make_store, make_tracked):
        """The connection that logs out has yet to send its own GOODBYE."""
        tracked = make_tracked(make_store())
        id, client = tracked.visit()
        tracked.tracker.revoke(id)
        assert client.ended == []
        tracked.reactor.turn()
        assert client.ended == [LOGOUT]

    def test_spares_connections_that_stay_without_the_cookie(self, tracked):
        id, ended = tracked.visit()
        _, spared = tracked.visit(id, logging_in=True)
        revoked = tracked.tracker.revoke(id, spare=lambda each: each.is_logging_in())
        assert tracked.reactor.result_of(revoked) == (1, 1)
        tracked.reactor.turn()
        assert (ended.ended, spared.ended) == ([LOGOUT], [])
        assert spared.forgot == 1

    def test_is_what_settling_waits_for(self, slow):
        id, _ = slow.visit()
        slow.store.commits.shut()
        slow.tracker.revoke(id)
        fired = []
        slow.tracker.settled(id).addCallback(fired.append)
        slow.reactor.turn()
        assert fired == []
        slow.store.commits.open()
        slow.reactor.turn_until(lambda: fired)
        assert id not in slow.store.cookies

    def test_is_told_with_whose_it_was(self, tracked, log):
        id, _ = tracked.visit()
        tracked.log_in(id)
        tracked.settle(id)
        end(tracked, id)
        [line] = [text for text in log.at("info") if "revoked" in text]
        assert id in line
        assert "authid=joe" in line
        assert tracked.tracker.measures.events["revoked"] == 1

    def test_of_one_that_was_not_there_is_not_told(self, tracked):
        end(tracked, make_id(77))
        assert tracked.tracker.measures.events["revoked"] == 0

    def test_leaves_nothing_to_be_touched(self, tracked):
        id, _ = tracked.visit()
        tracked.visit(id)
        end(tracked, id)
        tracked.reactor.advance(60)
        tracked.reactor.turn()
        assert tracked.store.changes[-1] == Delete(id)


class TestTheEndOfMany:
    def test_is_one_batch_and_one_sum(self, slow):
        ids = [slow.visit()[0] for _ in range(3)]
        slow.visit(ids[0])
        slow.store.commits.shut()
        slow.admit()
        slow.reactor.turn_until(slow.store.commits.reached(4))
        ended = slow.tracker.endings.revoke_all([*ids, ids[0], make_id(77)])
        slow.store.commits.open()
        assert slow.reactor.result_of(ended) == (3, 4)
        assert len(slow.store.committed[-1]) == 4

    def test_fails_with_the_first_failure_and_ends_the_others_all_the_same(self, tracked):
        first, _ = tracked.visit()
        second, _ = tracked.visit()
        tracked.store.fail_commits(ValueError, of=lambda change: change.id == first)
        with pytest.raises(ValueError, match="the disk is away"):
            tracked.reactor.result_of(tracked.tracker.endings.revoke_all([first, second]))
        tracked.reactor.turn_until(lambda: second not in tracked.store.cookies)


class TestADeletionThatCannotBeStored:
    @pytest.fixture
    def failed(self, tracked):
        """A cookie with a login whose end could not be stored, and its connections."""
        id, first = tracked.visit()
        _, second = tracked.visit(id)
        tracked.log_in(id)
        tracked.settle(id)
        tracked.store.fail_commits()
        with pytest.raises(StoreUnavailable):
            end(tracked, id)
        tracked.reactor.turn()
        return id, first, second

    @pytest.mark.parametrize("error", [StoreUnavailable, StoreFull, ValueError])
    def test_fails(self, tracked, error):
        id, _ = tracked.visit()
        tracked.store.fail_commits(error)
        with pytest.raises(error):
            end(tracked, id)

    def test_is_in_force_here_all_the_same(self, tracked, failed):
        id, *_ = failed
        assert id in tracked.store.cookies
        assert tracked.tracker.current(id) is None
        assert not tracked.log_in(id)
        tracked.store.fail_commits(of=lambda change: change.id == id)
        assert tracked.reactor.result_of(tracked.admit(id)).cookie.id != id

    def test_closes_the_connections_all_the_same(self, failed):
        _, first, second = failed
        assert first.ended == second.ended == [LOGOUT]

    def test_is_critical_with_the_cause(self, failed, log):
        id, *_ = failed
        assert log.at("critical") == [
            f"the end of cookie {id} cannot be stored, it is refused here and tried again until it"
            " is: the disk is away"
        ]

    def test_is_tried_again_more_and_more_rarely_until_it_is_stored(self, tracked, failed, log):
        id, *_ = failed
        commits, first = tracked.store.commits, tracked.store.commits.arrived
        wait, waits = FIRST_RETRY, []
        for attempt in range(1, 8):
            waits.append(wait)
            tracked.reactor.advance(wait - 0.001)
            tracked.reactor.turn()
            assert commits.arrived == first + attempt - 1
            tracked.reactor.advance(0.001)
            tracked.reactor.turn_until(commits.reached(first + attempt))
            tracked.reactor.turn_until(lambda: tracked.tracker.committer.pending == 0)
            wait = min(2 * wait, LAST_RETRY)
        assert waits == [0.5, 1, 2, 4, 5, 5, 5]
        assert len(log.at("critical")) == 1
        tracked.store.recover()
        tracked.reactor.advance(LAST_RETRY)
        tracked.reactor.turn_until(lambda: id not in tracked.store.cookies)
        tracked.reactor.turn_until(lambda: log.at("info")[-1].endswith("is stored now"))
        tracked.reactor.advance(1000)
        tracked.reactor.turn()
        assert len(deletes(tracked.store)) == 1

    def test_does_not_settle_for_anybody_who_asks_until_it_is_stored(self, tracked, failed):
        id, *_ = failed
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                tracked.settle(id)
        tracked.store.recover()
        tracked.reactor.advance(FIRST_RETRY)
        tracked.reactor.turn_until(lambda: id not in tracked.store.cookies)
        tracked.reactor.turn_until(lambda: tracked.settle(id) is None)

    def test_does_not_settle_while_it_is_tried_again(self, make_store, make_tracked):
        tracked = make_tracked(make_store(commits_block=True))
        id, _ = tracked.visit()
        tracked.store.fail_commits()
        with pytest.raises(StoreUnavailable):
            end(tracked, id)
        tracked.store.commits.shut()
        tracked.reactor.advance(FIRST_RETRY)
        with pytest.raises(StoreUnavailable):
            tracked.settle(id)

    def test_can_be_asked_for_again_before_its_time(self, tracked, failed):
        id, *_ = failed
        tracked.store.recover()
        assert end(tracked, id) == (1, 0)
        assert tracked.settle(id) is None

    def test_leaves_nothing_behind_once_it_is_stored(self, tracked, failed):
        id, first, second = failed
        tracked.store.recover()
        end(tracked, id)
        tracked.tracker.drop(id, first)
        tracked.tracker.drop(id, second)
        assert id not in tracked.tracker._deletions
        assert len(tracked.tracker.connections) == 0


class TestARecordThatIsGoneByAnothersHand:
    def test_has_its_connections_closed_and_nothing_written(self, tracked):
        id, client = tracked.visit()
        commits = len(tracked.store.committed)
        del tracked.store.cookies[id]
        assert tracked.tracker.endings.elsewhere(id) == 1
        tracked.reactor.turn()
        assert (client.ended, client.forgot) == ([LOGOUT], 1)
        assert len(tracked.store.committed) == commits

    def test_is_told_of_with_whose_it_was(self, tracked, log):
        id, _ = tracked.visit()
        tracked.log_in(id)
        tracked.settle(id)
        del tracked.store.cookies[id]
        tracked.tracker.endings.elsewhere(id)
        [line] = [text for text in log.at("info") if "revoked" in text]
        assert f"id={id} authid=joe authrealm=realm1 detail=elsewhere" in line

    def test_that_nobody_here_has_is_nothing(self, tracked, log):
        assert tracked.tracker.endings.elsewhere(make_id(77)) == 0
        assert log.at("info") == []

    def test_is_not_brought_back_by_a_look_up_under_way(self, make_store, make_tracked):
        tracked = make_tracked(make_store(reads_block=True))
        id, _ = tracked.visit()
        tracked.store.reads.shut()
        again = tracked.admit(id)
        tracked.reactor.turn_until(tracked.store.reads.reached())
        del tracked.store.cookies[id]
        tracked.tracker.endings.elsewhere(id)
        tracked.store.reads.open()
        assert tracked.reactor.result_of(again).created


def test_a_cookie_that_expires_under_a_connection_closes_it_with_that_reason(tracked, log):
    id, client = tracked.visit()
    tracked.log_in(id)
    tracked.settle(id)
    tracked.reactor.advance(86_400)
    tracked.reactor.turn_until(lambda: client.ended)
    assert client.ended == ["cookietrack.close.expired"]
    [line] = [text for text in log.at("info") if "expired" in text]
    assert id in line
    assert "authid=joe" in line
