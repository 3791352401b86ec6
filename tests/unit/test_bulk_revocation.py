"""The end of all of a user's cookies, and of what hides from a look into the store."""

import pytest

from cookietrack_plugin.tracking.bulk_revocation import Ended, revoke_by_authid

LOGOUT = "wamp.close.logout"


@pytest.fixture
def revoke(tracked):
    """A function that ends a user's cookies and gives what was ended."""

    def end(*args, **kwargs):
        return tracked.reactor.result_of(revoke_by_authid(tracked.tracker, *args, **kwargs))

    return end


def logged_in(tracked, authid, presented=None):
    id, client = tracked.visit(presented)
    tracked.log_in(id, authid)
    tracked.settle(id)
    return id, client


def test_it_ends_every_cookie_of_the_user_and_nobody_elses(tracked, revoke):
    _, first = logged_in(tracked, "joe")
    _, second = logged_in(tracked, "joe")
    other, stranger = logged_in(tracked, "ann")
    assert revoke("joe") == Ended(2, 2)
    tracked.reactor.turn()
    assert first.ended == second.ended == [LOGOUT]
    assert (stranger.ended, set(tracked.store.cookies)) == ([], {other})


def test_what_is_to_be_kept_is_kept(tracked, revoke):
    kept, client = logged_in(tracked, "joe")
    logged_in(tracked, "joe")
    assert revoke("joe", keep=frozenset([kept])) == Ended(1, 1)
    tracked.reactor.turn()
    assert (client.ended, set(tracked.store.cookies)) == ([], {kept})


def test_a_session_does_not_hide_behind_a_cookie_that_was_made_to_forget_its_login(tracked, revoke):
    """
    Whoever has a session by a cookie sends a HELLO without "cookie" on a second connection, and the
    router has the record forget who it stood for: the session goes on.
    """
    id, session = logged_in(tracked, "joe")
    _, hello = tracked.visit(id)
    tracked.log_in(id, None)
    tracked.settle(id)
    assert tracked.stored_authid(id) is None
    assert revoke("joe") == Ended(1, 2)
    tracked.reactor.turn()
    assert session.ended == hello.ended == [LOGOUT]
    assert id not in tracked.store.cookies


def test_such_a_session_is_looked_for_in_its_realm(tracked, revoke):
    id, _ = logged_in(tracked, "joe")
    tracked.log_in(id, None)
    tracked.settle(id)
    assert revoke("joe", "elsewhere") == Ended(0, 0)
    assert revoke("joe", tracked.auth("joe").authrealm) == Ended(1, 1)


def test_everything_is_everything(tracked, revoke):
    logged_in(tracked, "joe")
    tracked.visit()
    assert revoke(None) == Ended(2, 2)
    assert tracked.store.cookies == {}


def test_a_login_that_comes_while_the_user_is_ended_does_not_last(make_store, make_tracked):
    tracked = make_tracked(make_store(commits_block=True))
    id, client = tracked.visit()
    tracked.store.commits.shut()
    ending = revoke_by_authid(tracked.tracker, "joe")
    assert not tracked.log_in(id)
    tracked.store.commits.open()
    tracked.reactor.result_of(ending)
    tracked.reactor.turn_until(lambda: client.ended == [LOGOUT])
    assert id not in tracked.store.cookies
