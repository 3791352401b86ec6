"""Which records are worth something: each clause for itself."""

import pytest
from attrs import evolve

from cookietrack_plugin.config.lifespan import Lifespan
from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.record import UserRevoked
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id
from cookietrack_plugin.tracking.validity import MAX_FUTURE_MS, Validity

COOKIE = evolve(make_cookie(1, make_auth("joe"), expires=NOW + 60_000), seen=NOW)


class Moment:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> int:
        return self.at


@pytest.fixture
def moment() -> Moment:
    return Moment()


@pytest.fixture
def deleted() -> set[str]:
    return set()


@pytest.fixture
def revoked() -> list[UserRevoked]:
    return []


@pytest.fixture
def validity(moment, deleted, revoked) -> Validity:
    return Validity(moment, deleted, revoked)


def check(validity: Validity, cookie, expected: bool, policy: Policy | None = None) -> None:
    """Whichever way it is asked."""
    assert validity.is_valid(cookie, policy) is expected
    assert validity.valid(cookie, policy) is (cookie if expected else None)
    assert validity.snapshot(policy)(cookie) is expected


def test_none_is_no_record(validity):
    assert validity.valid(None) is None
    assert validity.valid(None, Policy(60)) is None


@pytest.mark.parametrize(("age", "valid"), [(0, True), (59_999, True), (60_000, False)])
def test_a_record_is_valid_until_it_expires(validity, moment, age, valid):
    moment.at = NOW + age
    check(validity, COOKIE, valid)


@pytest.mark.parametrize(
    ("policy", "age", "valid"),
    [
        (Policy(60), 59_999, True),
        (Policy(30), 29_999, True),
        (Policy(30), 30_000, False),
        (Policy(60, idle_timeout=10), 9_999, True),
        (Policy(60, idle_timeout=10), 10_000, False),
        (Policy(60, lifetimes={"user": Lifespan(30)}), 29_999, True),
        (Policy(60, lifetimes={"user": Lifespan(30)}), 30_000, False),
        # A laxer one lengthens nothing.
        (Policy(600), 60_000, False),
    ],
)
def test_under_a_policy_the_strictest_end_counts(validity, moment, policy, age, valid):
    moment.at = NOW + age
    check(validity, COOKIE, valid, policy)


@pytest.mark.parametrize("field", ["created", "seen"])
@pytest.mark.parametrize(("ahead", "valid"), [(MAX_FUTURE_MS, True), (MAX_FUTURE_MS + 1, False)])
def test_a_record_from_the_future_is_not_valid(validity, field, ahead, valid):
    """The clock was set back since it was stored: it would live as much longer."""
    check(validity, evolve(COOKIE, **{field: NOW + ahead}), valid)
    check(validity, evolve(COOKIE, **{field: NOW + ahead}), valid, Policy(3600))


def test_an_ended_id_is_not_valid(validity, deleted):
    deleted.add(make_id(2))
    check(validity, COOKIE, True)
    assert not validity.is_ended(COOKIE)
    deleted.add(COOKIE.id)
    check(validity, COOKIE, False)
    check(validity, COOKIE, False, Policy(60))
    assert validity.is_ended(COOKIE)


@pytest.mark.parametrize(
    ("revocation", "ended"),
    [
        (UserRevoked("joe", None), True),
        (UserRevoked("joe", "realm1"), True),
        (UserRevoked(None, "realm1"), True),
        (UserRevoked(None, None), True),
        (UserRevoked("joe", "realm2"), False),
        (UserRevoked("ann", None), False),
        (UserRevoked("joe", None, frozenset([COOKIE.id])), False),
    ],
)
def test_a_record_of_an_ended_user_is_not_valid(validity, revoked, revocation, ended):
    revoked += [UserRevoked("eve", "elsewhere"), revocation]
    check(validity, COOKIE, not ended)
    assert validity.is_ended(COOKIE) is ended


def test_a_record_without_a_login_is_of_no_user(validity, revoked):
    revoked.append(UserRevoked("joe", None))
    check(validity, evolve(COOKIE, auth=None), True)
    revoked.append(UserRevoked(None, None))
    check(validity, evolve(COOKIE, auth=None), False)


def test_a_snapshot_does_not_change(validity, moment, deleted, revoked):
    """It is for another thread, on which nothing may be read that this one writes."""
    was_valid = validity.snapshot()
    deleted.add(COOKIE.id)
    revoked.append(UserRevoked("joe", None))
    moment.at = COOKIE.expires
    assert was_valid(COOKIE)
    assert not validity.snapshot()(COOKIE)
