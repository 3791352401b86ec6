"""What an authenticator may say of the lifetime of a login."""

import pytest

from cookietrack_plugin.config.authextra import check_lifetime, lifetime_in, without_lifetime
from cookietrack_plugin.config.lifespan import UNBOUNDED_S, Lifespan


@pytest.mark.parametrize("extra", [None, {}, {"team": 5}])
def test_nothing_is_no_lifetime(extra):
    assert lifetime_in(extra) is None
    check_lifetime(extra)
    assert without_lifetime(extra) is extra


@pytest.mark.parametrize(
    ("extra", "lifetime"),
    [
        ({"cookietrack_max_age": 60}, Lifespan(60)),
        ({"cookietrack_idle_timeout": 5, "team": 5}, Lifespan(UNBOUNDED_S, 5)),
        ({"cookietrack_max_age": 60, "cookietrack_idle_timeout": 5}, Lifespan(60, 5)),
    ],
)
def test_one_is_read(extra, lifetime):
    check_lifetime(extra)
    assert lifetime_in(extra) == lifetime


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (0, "0"),
        (-5, "-5"),
        (True, "true"),
        (None, "null"),
        (1.5, "a number"),
        ("60", "a string"),
        ([60], "a list"),
    ],
)
@pytest.mark.parametrize("key", ["cookietrack_max_age", "cookietrack_idle_timeout"])
def test_what_is_no_number_of_seconds_is_refused_and_over_at_once(key, value, found):
    with pytest.raises(ValueError) as caught:
        check_lifetime({"cookietrack_max_age": 60, key: value})
    assert str(caught.value) == f"{key}: expected seconds, an integer from 1, found {found}"
    assert lifetime_in({key: value}) == Lifespan(0)


def test_it_is_not_for_the_client_and_not_the_clients():
    extra = {"cookietrack_max_age": 60, "cookietrack_idle_timeout": 5, "team": 5, 7: "x"}
    before = dict(extra)
    assert without_lifetime(extra) == {"team": 5, 7: "x"}
    assert extra == before, "it may be an application's own"
    assert without_lifetime({"cookietrack_max_age": 60}) == {}
