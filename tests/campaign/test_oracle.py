"""What the oracle takes for lost, for revived, and for impossible."""

import random

import pytest
from attrs import evolve

from campaign.oracle import Contradiction, Oracle
from campaign.steps import SWEEP, Author, Commit, Expire, RevokeUser
from cookietrack_plugin.record import Authenticate, Create, Delete
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id

ONE, TWO = make_cookie(1), make_cookie(2, make_auth())
BOTH = {ONE.id: ONE, TWO.id: TWO}


def knowing(*steps):
    oracle = Oracle()
    for step in steps:
        oracle.acknowledge(step, step.after(oracle.states[0])[1])
    return oracle


FILLED = Commit([Create(ONE), Create(TWO)])


def test_what_was_acknowledged_is_good_and_nothing_else():
    oracle = knowing(FILLED)
    assert oracle.acknowledged == 2
    assert oracle.judge(BOTH).is_good
    assert oracle.judge({ONE.id: ONE}).lost == {TWO.id}
    assert oracle.judge({**BOTH, make_id(3): make_cookie(3)}).revived == {make_id(3)}


@pytest.mark.parametrize(
    "ending",
    [Commit([Delete(TWO.id)]), RevokeUser("joe", None), RevokeUser("joe", "realm1")],
)
def test_what_had_been_ended_is_revived_when_it_is_there(ending):
    oracle = knowing(FILLED, ending)
    assert oracle.judge({ONE.id: ONE}).is_good
    assert oracle.judge(BOTH).revived == {TWO.id}


def test_an_older_login_is_revived_and_an_older_touch_is_lost():
    oracle = knowing(FILLED, Commit([Authenticate(TWO.id, make_auth("mary"), NOW + 9)]))
    assert oracle.judge(BOTH).revived == {TWO.id}
    assert oracle.judge({**oracle.states[0], ONE.id: evolve(ONE, seen=0)}).lost == {ONE.id}


def test_a_batch_in_doubt_is_there_as_a_whole_or_not_at_all():
    oracle = Oracle()
    oracle.doubt(FILLED)
    assert oracle.judge({}).is_good
    assert oracle.judge(BOTH).is_good
    assert not oracle.judge({ONE.id: ONE}).is_good


def test_an_answer_tells_what_became_of_what_was_in_doubt():
    oracle = Oracle()
    oracle.doubt(FILLED)
    oracle.acknowledge(Commit([Delete(ONE.id)]), [True])
    assert oracle.states == [{TWO.id: TWO}]


def test_an_answer_that_no_state_gives_is_a_contradiction():
    with pytest.raises(Contradiction):
        knowing(FILLED).acknowledge(Commit([Create(ONE)]), [True])


def test_what_was_never_stored_under_an_id_is_invented():
    oracle = knowing(FILLED, Commit([Delete(ONE.id)]))
    assert list(oracle.invented({ONE.id: ONE})) == []
    assert list(oracle.invented({ONE.id: evolve(TWO, id=ONE.id)})) == [ONE.id]


def test_a_sweep_takes_what_is_due():
    due = evolve(ONE, expires=SWEEP)
    oracle = knowing(Commit([Create(due), Create(TWO)]), Expire())
    assert oracle.states == [{TWO.id: TWO}]


def test_a_seed_alone_makes_a_history_again():
    histories = [Author(random.Random(seed)).history(50) for seed in (7, 7, 8)]
    assert histories[0] == histories[1] != histories[2]
