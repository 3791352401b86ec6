"""How long a cookie lives: what `max_age`, `rolling`, `absolute_max_age`, `idle_timeout` mean."""

import pytest

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


@pytest.mark.parametrize(
    ("policy", "age", "good"),
    [
        (Policy(HOUR), 0, True),
        (Policy(HOUR), 59_999, True),
        (Policy(HOUR), 60_000, False),
        (Policy(HOUR, idle_timeout=30), 29_999, True),
        (Policy(HOUR, idle_timeout=30), 30_000, False),
        (Policy(HOUR, idle_timeout=600), 60_000, False),
    ],
)
def test_a_cookie_is_judged_by_this_transports_policy_however_it_was_made(policy, age, good):
    cookie = make_cookie(0, expires=NOW + 60_000)
    assert policy.outlives(cookie, NOW + age) is good
