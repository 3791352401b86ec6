"""Which volleys of several processes an order explains."""

from attrs import evolve

from campaign.orders import Volley
from campaign.steps import Commit, Expire, RevokeUser
from cookietrack_plugin.record import Authenticate, Create, Delete
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id

ONE, TWO = make_cookie(1, make_auth()), make_cookie(2)
CREATES = Commit([Create(ONE)])
DELETES = Commit([Delete(ONE.id)])
HERE = {ONE.id: ONE}


def test_two_creations_of_one_record_cannot_both_apply():
    volley = Volley({}, [[CREATES], [CREATES]], [[[True]], [[False]]], HERE)
    assert volley.unexplained() == ""
    assert "answers" in evolve(volley, answers=[[[True]], [[True]]]).unexplained()


def test_what_is_there_is_what_the_last_one_left():
    answers = [[[True]], [[True]]]
    assert Volley({}, [[CREATES], [DELETES]], answers, {}).unexplained() == ""
    assert "what is there" in Volley({}, [[CREATES], [DELETES]], answers, HERE).unexplained()


def test_the_feed_has_to_tell_of_what_was_ended():
    volley = Volley(HERE, [[DELETES], []], [[[True]], []], {}, [frozenset({ONE.id}), frozenset()])
    assert "feed" in volley.unexplained()
    assert evolve(volley, told=[frozenset({ONE.id})] * 2).unexplained() == ""


def test_the_feed_has_to_tell_of_a_user():
    revoke = RevokeUser("joe", None)
    volley = Volley(HERE, [[revoke]], [[1]], {}, [frozenset()])
    assert "feed" in volley.unexplained()
    assert evolve(volley, told=[frozenset({revoke.entry()})]).unexplained() == ""


def test_a_login_that_began_before_a_revocation_does_not_apply_after_it():
    login = Commit([Authenticate(TWO.id, make_auth(), NOW)])
    before, revoke = {TWO.id: TWO}, RevokeUser("joe", "realm1")
    volley = Volley(before, [[revoke], [login]], [[0], [[False]]], before)
    assert volley.unexplained() == ""
    late = Volley(before, [[revoke, login]], [[0, [True]]], login.after(before)[0])
    assert "answers" in late.unexplained()


def test_batches_that_mingle_are_explained_record_by_record():
    """The second one saw the first one's deletion, and not its creation."""
    first = Commit([Delete(ONE.id), Create(TWO)])
    second = Commit([Create(ONE), Delete(TWO.id)])
    answers = [[[True, True]], [[True, False]]]
    volley = Volley(HERE, [[first], [second]], answers, {ONE.id: ONE, TWO.id: TWO})
    assert volley.unexplained()
    assert not any(volley.about(id).unexplained() for id in (ONE.id, TWO.id))


def test_a_sweep_that_passes_over_a_record_is_told_from_one_that_takes_too_much():
    due = evolve(ONE, expires=NOW)
    left = Volley({ONE.id: due}, [[Expire()]], [[0]], {ONE.id: due}).about(ONE.id)
    assert left.unexplained()
    assert left.unswept().unexplained() == ""
    taken = Volley(HERE, [[Expire()]], [[1]], {}).about(make_id(1))
    assert taken.unexplained()
    assert taken.unswept().unexplained()


def test_a_sweep_may_take_a_record_again_that_came_back_while_it_ran():
    due = evolve(ONE, expires=NOW)
    creates, sweeps = Commit([Create(due)]), [Expire()]
    volley = Volley({ONE.id: due}, [[creates], sweeps], [[[True]], [2]], {}).about(ONE.id)
    assert volley.unexplained() == ""
    twice = Volley(
        {ONE.id: due}, [[creates] * 3, sweeps], [[[True]] * 3, [3]], {ONE.id: due}
    ).about(ONE.id)
    assert "answers" in twice.unexplained()
