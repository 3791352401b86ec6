"""How long a cookie lives: what `max_age`, `rolling`, `absolute_max_age`, `idle_timeout` mean."""

import pytest
from attrs import evolve

from cookietrack_plugin.config.lifespan import Lifespan
from cookietrack_plugin.config.policy import Policy, login_time
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie

HOUR = 3600
# A cookie that was made at 0 and is presented again at 50 seconds.
MADE, AGAIN = 0, 50_000


@pytest.mark.parametrize(
    ("policy", "limit"),
    [
        (Policy(100), 100_000),
        (Policy(100, idle_timeout=10), 100_000),
        (Policy(100, rolling=True), 150_000),
        (Policy(100, rolling=True, absolute_max_age=200), 150_000),
        (Policy(100, rolling=True, absolute_max_age=120), 120_000),
        (Policy(100, rolling=True, absolute_max_age=150), 150_000),
    ],
)
def test_the_limit_of_a_cookie_is_fixed_rolls_and_is_bounded(policy, limit):
    assert policy.limit(MADE, AGAIN) == limit


@pytest.mark.parametrize(
    ("idle_timeout", "expires"), [(None, 100_000), (10, 60_000), (50, 100_000), (60, 100_000)]
)
def test_a_cookie_expires_at_its_limit_or_earlier_when_its_client_is_idle(idle_timeout, expires):
    assert Policy(100, idle_timeout).expires(100_000, AGAIN) == expires


@pytest.mark.parametrize(
    ("policy", "extends"),
    [
        (Policy(100), False),
        (Policy(100, rolling=True), True),
        (Policy(100, idle_timeout=10), True),
    ],
)
def test_returning_moves_the_end_where_it_rolls_or_where_idleness_ends_it(policy, extends):
    assert policy.extends is extends


# A record that was made, and last heard of, then.
RECORD = evolve(make_cookie(0, expires=NOW + 60_000), created=NOW, seen=NOW + 20_000)


@pytest.mark.parametrize(
    ("policy", "seconds"),
    [
        # The record's own end, under the policy that made it and under any laxer one.
        (Policy(60), 60),
        (Policy(HOUR), 60),
        (Policy(HOUR, rolling=True), 60),
        (Policy(HOUR, idle_timeout=HOUR), 60),
        # Shorter than what it was made under, as after a restart, or on another transport.
        (Policy(30), 30),
        (Policy(10), 10),
        # From when its client was last heard.
        (Policy(HOUR, idle_timeout=5), 25),
        (Policy(HOUR, idle_timeout=40), 60),
        (Policy(3, rolling=True), 23),
        (Policy(50, rolling=True), 60),
        # The earliest of several.
        (Policy(50, rolling=True, absolute_max_age=30), 30),
        (Policy(5, rolling=True, absolute_max_age=30), 25),
        (Policy(5, rolling=True, absolute_max_age=3), 3),
        (Policy(22, idle_timeout=5), 22),
        (Policy(HOUR, rolling=True, absolute_max_age=30, idle_timeout=2), 22),
    ],
)
def test_the_strictest_policy_says_until_when_a_record_is_good(policy, seconds):
    assert policy.good_until(RECORD) == NOW + seconds * 1000


# The same one, once joe has logged in with it, whose role is `user`, in `realm1`.
LOGIN = evolve(RECORD, auth=make_auth("joe"))


@pytest.mark.parametrize(
    ("lifetimes", "seconds"),
    [
        ({}, 60),
        ({"user": Lifespan(30)}, 30),
        ({"user@realm1": Lifespan(30)}, 30),
        ({"user": Lifespan(30), "user@realm1": Lifespan(40)}, 30),
        ({"user": Lifespan(50), "user@realm1": Lifespan(40)}, 40),
        ({"user": Lifespan(idle_timeout=5)}, 25),
        ({"user": Lifespan(22, idle_timeout=5)}, 22),
        ({"user": Lifespan(5, rolling=True)}, 25),
        ({"user": Lifespan(5, rolling=True, absolute_max_age=22)}, 22),
        # Nothing that is laxer than the record and the transport.
        ({"user": Lifespan(HOUR, idle_timeout=HOUR)}, 60),
        # Somebody else's.
        ({"admin": Lifespan(30), "user@realm2": Lifespan(30), "realm1": Lifespan(30)}, 60),
    ],
)
def test_the_strictest_of_transport_and_role_binds_a_login(lifetimes, seconds):
    policy = Policy(HOUR, lifetimes=lifetimes)
    assert policy.good_until(LOGIN) == NOW + seconds * 1000
    assert policy.good_until(RECORD) == NOW + 60_000, "nobody is logged in"


@pytest.mark.parametrize(
    ("extra", "seconds"),
    [
        ({"cookietrack_max_age": 30}, 30),
        ({"cookietrack_idle_timeout": 5}, 25),
        ({"cookietrack_max_age": 22, "cookietrack_idle_timeout": 5}, 22),
        ({"cookietrack_max_age": HOUR}, 40),
        ({"cookietrack_max_age": "30"}, 0),
    ],
)
def test_an_authextra_shortens_a_login_and_lengthens_none(extra, seconds):
    login = evolve(LOGIN, auth=make_auth("joe", authextra=extra))
    policy = Policy(HOUR, lifetimes={"user": Lifespan(40)})
    assert policy.good_until(login) == NOW + seconds * 1000


@pytest.mark.parametrize(
    ("policy", "seconds"),
    [
        (Policy(HOUR), 7),
        (Policy(HOUR, idle_timeout=9), 7),
        (Policy(HOUR, idle_timeout=6), 6),
        (Policy(HOUR, lifetimes={"user": Lifespan(idle_timeout=5)}), 5),
        (Policy(HOUR, lifetimes={"user": Lifespan(60)}), 7),
    ],
)
def test_the_shortest_idle_timeout_is_that_of_all_logins(policy, seconds):
    said = make_auth("joe", authextra={"cookietrack_idle_timeout": 7})
    assert policy.shortest_idle_timeout(None, said) == seconds


def test_nothing_idles_where_nothing_says_so():
    assert Policy(HOUR).shortest_idle_timeout(make_auth("joe"), None) == 0


def test_the_time_of_a_login_is_that_of_its_cookie_where_the_record_does_not_say_so():
    assert login_time(RECORD) == login_time(LOGIN) == NOW
    at = NOW + 7
    assert login_time(evolve(LOGIN, auth=evolve(LOGIN.auth, at=at))) == at


def test_the_lifetime_of_a_login_begins_with_it_and_that_of_its_cookie_before():
    late = evolve(LOGIN, auth=evolve(LOGIN.auth, at=NOW + 10_000))
    lifetimes = {"user": Lifespan(30)}
    assert Policy(HOUR, lifetimes=lifetimes).good_until(late) == NOW + 40_000
    assert Policy(35, lifetimes=lifetimes).good_until(late) == NOW + 35_000


def test_policies_can_be_keys():
    """Though the lifetimes are a mapping."""
    lifetimes = {"user": Lifespan(30)}
    assert len({Policy(HOUR, lifetimes=lifetimes), Policy(HOUR, lifetimes=lifetimes)}) == 1
