"""The fence in a worker: a login is refused if its user was revoked since it began."""

import pytest

from cookietrack_plugin.record import UserRevoked
from cookietrack_plugin.testing.samples import make_auth, make_id
from cookietrack_plugin.tracking.recent import MAX_REMEMBERED, RecentRevocations

ID = make_id(1)
JOE, ANN = make_auth("joe"), make_auth("ann")


@pytest.fixture
def recent() -> RecentRevocations:
    return RecentRevocations()


def revoke(recent: RecentRevocations, number: int) -> None:
    """So many users, each another one."""
    for n in range(recent.position, recent.position + number):
        recent.add(UserRevoked(f"eve{n}", None))


def test_nobody_was_revoked_in_the_beginning(recent):
    assert recent.position == 0
    assert not recent.refuses(recent.position, ID, JOE)


def test_a_login_that_began_before_is_refused_and_one_that_begins_after_is_not(recent):
    before = recent.position
    recent.add(UserRevoked("joe", None))
    assert recent.refuses(before, ID, JOE)
    assert not recent.refuses(recent.position, ID, JOE)


def test_what_came_between_others_counts_as_well(recent):
    revoke(recent, 3)
    before = recent.position
    revoke(recent, 2)
    recent.add(UserRevoked("joe", None))
    between = recent.position
    revoke(recent, 2)
    assert recent.refuses(before, ID, JOE)
    assert not recent.refuses(before, ID, ANN)
    assert not recent.refuses(between, ID, JOE)


@pytest.mark.parametrize(
    ("revoked", "id", "refused"),
    [
        (UserRevoked("joe", "realm1"), ID, True),
        (UserRevoked(None, None), ID, True),
        (UserRevoked("joe", "realm2"), ID, False),
        (UserRevoked("joe", None, frozenset([ID])), ID, False),
        (UserRevoked("joe", None, frozenset([ID])), make_id(2), True),
        (UserRevoked("joe", None, frozenset([ID])), None, True),
    ],
)
def test_only_what_the_revocation_ends_is_refused(recent, revoked, id, refused):
    recent.add(revoked)
    assert recent.refuses(0, id, JOE) is refused


def test_a_login_during_which_as_many_were_revoked_as_are_remembered_is_judged(recent):
    revoke(recent, 5)
    before = recent.position
    revoke(recent, MAX_REMEMBERED)
    assert not recent.refuses(before, ID, JOE)
    assert recent.refuses(before, ID, make_auth("eve5"))


def test_the_earliest_of_them_is_still_known(recent):
    before = recent.position
    recent.add(UserRevoked("joe", None))
    revoke(recent, MAX_REMEMBERED - 1)
    assert recent.refuses(before, ID, JOE)


def test_a_login_during_which_one_more_was_revoked_is_refused_whoever_it_is(recent):
    before = recent.position
    revoke(recent, MAX_REMEMBERED + 1)
    assert recent.refuses(before, ID, JOE)
    assert not recent.refuses(before + 1, ID, JOE)


def test_no_more_are_remembered(recent):
    revoke(recent, 2 * MAX_REMEMBERED)
    assert len(recent._revoked) == MAX_REMEMBERED
    assert recent.position == 2 * MAX_REMEMBERED


def test_one_user_who_is_revoked_again_and_again_refuses_nobody_else(recent):
    """Users may end their own sessions as often as they like."""
    before = recent.position
    for _ in range(3 * MAX_REMEMBERED):
        recent.add(UserRevoked("eve", None))
    assert not recent.refuses(before, ID, JOE)
    assert recent.refuses(recent.position - 1, ID, make_auth("eve"))
    assert not recent.refuses(recent.position, ID, make_auth("eve"))


def test_where_nobody_can_tell_who_was_revoked_every_login_that_began_before_is_refused(recent):
    before = recent.position
    recent.lose()
    assert recent.refuses(before, ID, JOE)
    assert not recent.refuses(recent.position, ID, JOE)
