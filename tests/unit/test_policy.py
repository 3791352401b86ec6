"""How long a cookie lives: what `max_age`, `rolling`, `absolute_max_age`, `idle_timeout` mean."""

import pytest
from attrs import evolve

from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.testing.samples import NOW, make_cookie

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
