"""Cookies with live connections: they live while their clients do, and end on time."""

import pytest
from attrs import evolve

from cookietrack_plugin.config.lifespan import Lifespan
from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.record import Touch
from cookietrack_plugin.testing.samples import NOW, make_auth, make_id
from tests.support.connections import FakeLink

EXPIRED = "cookietrack.close.expired"
IDLE = Policy(max_age=3600, idle_timeout=60)


@pytest.fixture
def pass_time(tracked):
    """A function that lets seconds pass, in steps, while the client says something or not."""

    def pass_time(seconds, talks=None, calm=True):
        for _ in range(int(seconds)):
            tracked.reactor.advance(1)
            if talks:
                talks.connection.last_heard = tracked.tracker.clock.now()
            # The threads live in real time, which is slower.
            tracked.reactor.turn_until(lambda: not calm or is_calm())

    def is_calm():
        return not (tracked.tracker.pending or tracked.access._lookup._in_flight)

    return pass_time


class TestAnIdleClient:
    def test_is_closed_when_its_time_is_up(self, tracked, pass_time):
        _, client = tracked.visit(policy=IDLE)
        pass_time(59)
        assert client.reasons == []
        pass_time(2)
        tracked.reactor.turn_until(lambda: client.reasons)
        assert client.reasons == [EXPIRED]

    def test_is_not_known_any_more(self, tracked, pass_time):
        id, _ = tracked.visit(policy=IDLE)
        pass_time(60)
        assert tracked.reactor.result_of(tracked.tracker.find(id)) is None
        assert tracked.reactor.result_of(tracked.admit(id, policy=IDLE)).created


class TestAnActiveClient:
    def test_stays_and_its_record_does_not_expire_under_it(self, tracked, pass_time):
        id, client = tracked.visit(policy=IDLE)
        for _ in range(10):
            pass_time(30, talks=client)
            assert tracked.reactor.result_of(tracked.tracker.find(id)) is not None
            assert tracked.store.cookies[id].expires > tracked.tracker.clock.now()
        assert client.reasons == []

    def test_is_written_down_rarely(self, tracked, pass_time):
        _, client = tracked.visit(policy=IDLE)
        pass_time(300, talks=client)
        assert len(tracked.store.changes) <= 1 + 300 / 30

    def test_ends_with_the_absolute_lifetime_all_the_same(self, tracked, pass_time):
        _, client = tracked.visit(policy=Policy(max_age=100, idle_timeout=60))
        pass_time(99, talks=client)
        assert client.reasons == []
        pass_time(2, talks=client)
        tracked.reactor.turn_until(lambda: client.reasons)
        assert client.reasons == [EXPIRED]

    def test_that_leaves_was_seen_when_it_last_said_something(self, tracked, pass_time):
        id, client = tracked.visit(policy=IDLE)
        pass_time(10, talks=client)
        pass_time(5)
        tracked.tracker.drop(client.connection)
        pass_time(6)
        tracked.reactor.turn_until(lambda: tracked.store.cookies[id].seen == NOW + 10_000)
        assert tracked.store.cookies[id].expires == NOW + 70_000

    def test_that_leaves_without_a_word_is_not_asked_for_and_not_written(self, tracked):
        """However long its handshake took."""
        admission = tracked.reactor.result_of(tracked.admit(policy=IDLE))
        tracked.reactor.advance(1)
        link = FakeLink()
        link.connection = tracked.tracker.enter(admission, IDLE, link)
        changes, loads = len(tracked.store.changes), len(tracked.store.loaded)
        tracked.tracker.drop(link.connection)
        tracked.reactor.advance(60)
        tracked.reactor.turn()
        assert (len(tracked.store.changes), len(tracked.store.loaded)) == (changes, loads)

    def test_counts_for_the_other_connections_of_its_cookie(self, tracked, pass_time):
        id, active = tracked.visit(policy=IDLE)
        _, idle = tracked.visit(id, policy=IDLE)
        pass_time(150, talks=active)
        assert idle.reasons == []


class TestACookieThatAnotherWorkerHasProlonged:
    """A second tab, connected to another worker of the same store."""

    @pytest.fixture
    def prolong(self, tracked):
        """A function that does what the other worker does: it writes a `Touch` of its own."""

        def prolong(id, expires):
            now = tracked.tracker.clock.now()
            tracked.store._apply(Touch(id, now, expires, "tcp4:192.0.2.2:40000", "Lynx"))

        return prolong

    def test_is_not_shortened_by_the_quiet_client_here(self, tracked, pass_time, prolong):
        id, client = tracked.visit(policy=IDLE)
        pass_time(1, talks=client)
        pass_time(29)
        prolong(id, NOW + 90_000)
        pass_time(50)
        assert tracked.store.cookies[id].expires == NOW + 90_000
        assert client.reasons == []
        pass_time(11)
        tracked.reactor.turn_until(lambda: client.reasons)

    def test_is_not_shortened_when_its_client_leaves_here(self, tracked, pass_time, prolong):
        id, client = tracked.visit(policy=Policy(max_age=100, rolling=True))
        pass_time(50)
        prolong(id, NOW + 150_000)
        pass_time(5, talks=client)
        tracked.tracker.drop(client.connection)
        pass_time(10)
        tracked.reactor.turn_until(lambda: tracked.store.cookies[id].seen == NOW + 55_000)
        assert tracked.store.cookies[id].expires == NOW + 150_000
        assert tracked.store.cookies[id].user_agent == "Lynx"


class TestWithoutAnIdleTimeout:
    def test_a_silent_client_stays_until_its_cookie_expires(self, tracked, pass_time):
        _, client = tracked.visit(policy=Policy(max_age=100))
        pass_time(99)
        assert client.reasons == []
        pass_time(2)
        tracked.reactor.turn_until(lambda: client.reasons)

    def test_messages_do_not_lengthen_it(self, tracked, pass_time):
        _, client = tracked.visit(policy=Policy(max_age=100))
        pass_time(101, talks=client)
        tracked.reactor.turn_until(lambda: client.reasons)

    def test_a_handshake_lengthens_it_where_it_rolls(self, tracked, pass_time):
        policy = Policy(max_age=100, rolling=True)
        id, client = tracked.visit(policy=policy)
        pass_time(90)
        tracked.visit(id, policy=policy)
        pass_time(90)
        assert client.reasons == []
        assert tracked.store.cookies[id].expires == NOW + 190_000
        pass_time(11)
        tracked.reactor.turn_until(lambda: client.reasons)


class TestWhenItsTimeSeemsUp:
    @pytest.fixture
    def tracked(self, make_store, make_tracked):
        return make_tracked(make_store(reads_block=True, commits_block=True))

    def test_a_client_stays_whose_cookie_another_node_has_prolonged(self, tracked, pass_time):
        id, client = tracked.visit(policy=IDLE)
        cookie = tracked.store.cookies[id]
        tracked.store.cookies[id] = evolve(
            cookie, seen=cookie.seen + 50_000, expires=cookie.expires + 50_000
        )
        pass_time(100)
        assert client.reasons == []
        pass_time(15)
        tracked.reactor.turn_until(lambda: client.reasons)

    def test_a_client_is_closed_when_nobody_can_tell(self, tracked, pass_time):
        _, client = tracked.visit(policy=Policy(max_age=100))
        tracked.store.fail_loads()
        pass_time(101)
        tracked.reactor.turn_until(lambda: client.reasons)
        assert client.reasons == [EXPIRED]

    @pytest.mark.parametrize(
        ("policy", "seconds"),
        [
            (Policy(max_age=100), 100),
            (Policy(max_age=100, rolling=True), 100),
            (Policy(max_age=1000, rolling=True, absolute_max_age=100), 100),
            (IDLE, 60),
        ],
    )
    def test_a_store_that_hangs_prolongs_nothing(self, tracked, pass_time, policy, seconds):
        _, client = tracked.visit(policy=policy)
        tracked.store.reads.shut()
        pass_time(seconds, calm=False)
        assert client.reasons == []
        pass_time(2, calm=False)
        assert client.reasons == [EXPIRED]
        tracked.store.reads.open()

    def test_a_client_that_leaves_meanwhile_is_left_alone(self, tracked, pass_time):
        _, client = tracked.visit(policy=Policy(max_age=100))
        tracked.store.reads.shut()
        pass_time(100, calm=False)
        tracked.reactor.turn_until(tracked.store.reads.reached())
        tracked.tracker.drop(client.connection)
        tracked.store.reads.open()
        tracked.reactor.turn_until(lambda: not tracked.access._lookup._in_flight)
        tracked.reactor.turn()
        assert client.reasons == []


class TestTwoTransportsOfOneStore:
    def test_the_strict_ones_connection_ends_and_the_others_stays(self, tracked, pass_time):
        id, lax = tracked.visit(policy=Policy(max_age=3600))
        _, strict = tracked.visit(id, policy=Policy(max_age=30))
        pass_time(31, talks=strict)
        tracked.reactor.turn_until(lambda: strict.reasons)
        assert strict.reasons == [EXPIRED]
        assert lax.reasons == []
        assert tracked.reactor.result_of(tracked.tracker.find(id)) is not None

    def test_an_absolute_lifetime_ends_a_cookie_that_was_made_elsewhere(self, tracked, pass_time):
        id, _ = tracked.visit(policy=Policy(max_age=3600))
        pass_time(10)
        bounded = Policy(max_age=3600, rolling=True, absolute_max_age=30)
        _, client = tracked.visit(id, policy=bounded)
        pass_time(19, talks=client)
        assert client.reasons == []
        pass_time(2, talks=client)
        tracked.reactor.turn_until(lambda: client.reasons)


class TestAConnectionWithoutItsCookie:
    def test_ends_by_its_policy(self, tracked, pass_time):
        _, client = tracked.enter(policy=IDLE)
        tracked.reactor.result_of(tracked.tracker.log_out(client.connection))
        pass_time(50, talks=client)
        pass_time(50)
        assert client.reasons == []
        pass_time(15)
        tracked.reactor.turn_until(lambda: client.reasons)
        assert client.reasons == [EXPIRED]


def brief(**kwargs):
    """A policy by which users are in for less long than their cookie."""
    return Policy(max_age=3600, lifetimes={"user": Lifespan(**kwargs)})


def logged_in_now(tracked):
    """Joe, who has just proved it."""
    return evolve(make_auth("joe"), at=tracked.tracker.clock.now())


class TestALoginThatLastsLessLongThanItsCookie:
    def test_ends_under_its_connection(self, tracked, pass_time):
        id, client = tracked.enter(policy=brief(max_age=100))
        pass_time(99, talks=client)
        assert client.reasons == []
        pass_time(2, talks=client)
        tracked.reactor.turn_until(lambda: client.reasons)
        assert client.reasons == [EXPIRED]
        assert tracked.reactor.result_of(tracked.admit(id, policy=brief(max_age=100))).created

    @pytest.mark.parametrize("rotates", [False, True])
    def test_begins_with_the_login_and_not_with_the_cookie(self, tracked, pass_time, rotates):
        _, client = tracked.visit(policy=evolve(brief(max_age=100), rotates=rotates))
        pass_time(150)
        tracked.log_in(client, logged_in_now(tracked))
        pass_time(99)
        assert client.reasons == []
        pass_time(2)
        tracked.reactor.turn_until(lambda: client.reasons)

    def test_begins_again_with_a_login_of_the_same_user(self, tracked, pass_time):
        policy = brief(max_age=100)
        id, first = tracked.visit(policy=policy)
        tracked.log_in(first, logged_in_now(tracked))
        pass_time(60)
        _, second = tracked.visit(id, policy=policy)
        tracked.log_in(second, logged_in_now(tracked))
        pass_time(99)
        assert first.reasons == second.reasons == []
        pass_time(2)
        tracked.reactor.turn_until(lambda: first.reasons and second.reasons)

    def test_ends_for_all_tabs_of_its_cookie(self, tracked, pass_time):
        policy = brief(max_age=100)
        id, first = tracked.visit(policy=policy)
        _, second = tracked.visit(id, policy=policy)
        tracked.log_in(second)
        tracked.tracker.drop(second.connection)
        pass_time(102)
        tracked.reactor.turn_until(lambda: first.reasons)
        assert first.reasons == [EXPIRED]

    def test_leaves_those_alone_who_are_not_logged_in(self, tracked, pass_time):
        _, client = tracked.visit(policy=brief(max_age=10))
        pass_time(20)
        assert client.reasons == []

    @pytest.mark.parametrize("seconds", [60, 8])
    def test_goes_on_while_its_client_is_not_idle(self, tracked, pass_time, seconds):
        policy = brief(idle_timeout=seconds)
        id, client = tracked.enter(policy=policy)
        for _ in range(2 * seconds):
            pass_time(1, talks=client)
            # Another worker would let its client in, for a while.
            left = policy.good_until(tracked.store.cookies[id]) - tracked.tracker.clock.now()
            assert left > (seconds / 4 - 1.2) * 1000
        assert client.reasons == []
        pass_time(seconds + 1)
        tracked.reactor.turn_until(lambda: client.reasons)
        assert client.reasons == [EXPIRED]

    def test_ends_by_what_its_authenticator_said(self, tracked, pass_time):
        _, client = tracked.visit()
        tracked.log_in(client, make_auth("joe", authextra={"cookietrack_max_age": 50}))
        pass_time(49)
        assert client.reasons == []
        pass_time(2)
        tracked.reactor.turn_until(lambda: client.reasons)

    def test_does_not_roll_with_messages(self, tracked, pass_time):
        id, client = tracked.enter(policy=brief(max_age=100, rolling=True))
        pass_time(50)
        tracked.visit(id, policy=brief(max_age=100, rolling=True))
        pass_time(99, talks=client)
        assert client.reasons == []
        pass_time(2, talks=client)
        tracked.reactor.turn_until(lambda: client.reasons)

    @pytest.mark.parametrize(
        ("policy", "is_in_again"),
        [
            (Policy(max_age=100, rolling=True), False),
            (brief(max_age=100, rolling=True), True),
            (brief(max_age=100, rolling=True, absolute_max_age=100), False),
        ],
    )
    def test_rolls_with_the_time_that_the_record_keeps(
        self, tracked, pass_time, policy, is_in_again
    ):
        """That of the last message. A cookie's own end is stored at the handshake."""
        id, client = tracked.enter(policy=policy)
        pass_time(101, talks=client)
        tracked.reactor.turn_until(lambda: client.reasons)
        assert client.reasons == [EXPIRED]
        returned = tracked.reactor.result_of(tracked.admit(id, policy=policy))
        assert returned.created is not is_in_again

    @pytest.mark.parametrize(
        ("policy", "extra"),
        [
            (brief(max_age=100), None),
            (brief(idle_timeout=100), None),
            (Policy(max_age=3600), {"cookietrack_max_age": 100}),
            (Policy(max_age=3600), {"cookietrack_idle_timeout": 100}),
        ],
    )
    def test_is_good_for_no_longer_in_another_worker(
        self, tracked, make_tracked, pass_time, policy, extra
    ):
        id, client = tracked.visit(policy=policy)
        tracked.log_in(client, make_auth("joe", authextra=extra))
        tracked.tracker.drop(client.connection)
        other = make_tracked(tracked.store)
        other.ids = iter([make_id(1001)])
        pass_time(99)
        returned = tracked.reactor.result_of(other.admit(id, policy=policy))
        assert returned.cookie.auth.authid == "joe"
        pass_time(101)
        assert tracked.reactor.result_of(other.admit(id, policy=policy)).created


class TestALoginThatIsNotStored:
    def test_ends_by_its_role_and_the_cookie_stays(self, tracked, pass_time, log):
        id, client = tracked.visit(policy=brief(max_age=100))
        _, other = tracked.visit(id, policy=brief(max_age=100))
        pass_time(10)
        tracked.log_in(client, stores=False)
        pass_time(99)
        assert client.reasons == []
        pass_time(2)
        tracked.reactor.turn_until(lambda: client.reasons)
        assert client.reasons == [EXPIRED]
        assert not other.ended
        [line] = [text for text in log.at("info") if "expired" in text]
        assert line == "cookie expired authid=joe authrealm=realm1", "of the session alone"

    def test_ends_when_it_is_idle_without_a_cookie_as_well(self, tracked, pass_time):
        policy = brief(idle_timeout=20)
        client = FakeLink()
        client.connection = tracked.tracker.enter(None, policy, client)
        tracked.log_in(client, stores=False)
        pass_time(40, talks=client)
        assert client.reasons == []
        pass_time(22)
        tracked.reactor.turn_until(lambda: client.reasons)

    def test_binds_no_longer_once_it_has_left(self, tracked, pass_time):
        _, client = tracked.visit(policy=brief(max_age=100))
        tracked.log_in(client, stores=False)
        tracked.tracker.leave(client.connection)
        pass_time(150)
        assert client.reasons == []


class TestAFirstVisit:
    """Of a cookie that is of use without a login, where `first_max_age` is configured."""

    POLICY = Policy(max_age=3600, first_max_age=60)

    def test_leaves_a_record_that_ends_early(self, tracked):
        id, link = tracked.visit(policy=self.POLICY)
        assert tracked.store.cookies[id].expires == NOW + 60_000
        tracked.tracker.drop(link.connection)
        tracked.reactor.advance(61)
        assert tracked.reactor.result_of(tracked.admit(id, policy=self.POLICY)).created

    def test_that_is_not_the_last_leaves_one_that_lives_as_long_as_others(self, tracked):
        id, link = tracked.visit(policy=self.POLICY)
        tracked.tracker.drop(link.connection)
        tracked.reactor.advance(30)
        again, link = tracked.visit(id, policy=self.POLICY)
        tracked.tracker.drop(link.connection)
        tracked.reactor.advance(20)
        tracked.reactor.turn_until(lambda: tracked.store.cookies[id].expires == NOW + 3_600_000)
        assert again == id
        tracked.reactor.advance(1000)
        assert not tracked.reactor.result_of(tracked.admit(id, policy=self.POLICY)).created

    def test_that_lasts_leaves_one_too_though_its_client_says_nothing(self, tracked, pass_time):
        id, link = tracked.visit(policy=self.POLICY)
        pass_time(100)
        assert link.reasons == []
        assert tracked.store.cookies[id].expires == NOW + 3_600_000
        assert tracked.store.cookies[id].seen == NOW

    def test_with_a_login_leaves_one_too(self, tracked):
        id, link = tracked.enter(policy=self.POLICY)
        tracked.tracker.drop(link.connection)
        tracked.reactor.turn_until(lambda: tracked.store.cookies[id].expires == NOW + 3_600_000)
        assert tracked.stored_authid(id) == "joe"

    def test_that_cannot_be_prolonged_at_its_login_is_said_in_the_log(self, tracked, log):
        id, link = tracked.visit(policy=self.POLICY)
        tracked.store.fail_commits(ValueError, lambda change: isinstance(change, Touch))
        tracked.log_in(link)
        line = f"cookie {id} cannot be prolonged: the disk is away"
        tracked.reactor.turn_until(lambda: line in log.at("error"))
        assert tracked.stored_authid(id) == "joe"

    def test_where_the_record_needs_a_login_is_as_any_other(self, tracked):
        policy = evolve(self.POLICY, rotates=True)
        id, _ = tracked.enter(policy=policy)
        assert tracked.store.cookies[id].expires == NOW + 3_600_000


class TestASessionWhoseCookieHasAnotherLoginOfItsUser:
    def test_lives_no_longer_than_its_own_role(self, tracked, pass_time):
        policy = Policy(3600, rotates=True, lifetimes={"admin": Lifespan(60)})
        id, admin = tracked.visit(policy=policy)
        now = tracked.tracker.clock.now()
        tracked.log_in(admin, evolve(make_auth("joe"), authrole="admin", at=now))
        pass_time(30)
        _, user = tracked.visit(id, policy=policy)
        later = tracked.tracker.clock.now()
        tracked.log_in(user, evolve(make_auth("joe"), at=later))
        pass_time(29)
        assert admin.reasons == []
        pass_time(2)
        tracked.reactor.turn_until(lambda: admin.reasons)
        assert (admin.reasons, user.reasons) == ([EXPIRED], [])
