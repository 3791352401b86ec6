"""Each trial finds the stores that are broken, and passes the one that is not."""

import pytest

from benchmarks.cut import Cut
from campaign import damage, drive, errnos, kills, outages, powercuts, rivals
from campaign.subjects import redis_options
from campaign.trial import Subject, Tally, play
from servers.process import running
from servers.redises import RedisServer
from tests.campaign.flawed import FLAWS, TYPE

FOUND_BY = {
    kills: ["buffers", "forgets ends"],
    powercuts: ["never flushes", "splits", "forgets ends"],
    errnos: ["swallows", "sulks", "half done", "forgets ends"],
    damage: ["trusts"],
}
# Rounds in which a flaw has to be found.
ROUNDS = 12


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    """Nobody has to wait long for a store that never recovers."""
    monkeypatch.setattr(drive, "RECOVERY_S", 2.0)


def tally_of(module, flaw, rounds, effort=0.5):
    tally = Tally()
    subject = Subject(lambda _: {"type": TYPE, "flaw": flaw})
    for seed in range(rounds):
        play(module.TRIAL, subject, seed, tally, effort)
        if tally.failures:
            break
    return tally


@pytest.mark.parametrize(
    ("module", "flaw"), [(module, flaw) for module, flaws in FOUND_BY.items() for flaw in flaws]
)
def test_a_broken_store_is_found(module, flaw):
    tally = tally_of(module, flaw, ROUNDS)
    assert tally.failures, FLAWS[flaw]


@pytest.mark.parametrize("module", list(FOUND_BY))
def test_a_store_without_a_flaw_passes(module):
    tally = tally_of(module, None, rounds=2)
    assert tally.failures == []
    assert tally.acknowledged > 0
    assert (tally.rounds, tally.lost, tally.revived) == (2, 0, 0)


def test_processes_that_know_nothing_of_each_other_are_found():
    """Each has its own idea of what is there."""
    assert tally_of(rivals, None, ROUNDS).failures


@pytest.mark.server
def test_a_server_that_forgets_is_found():
    """A Redis that writes nothing to the disk, killed."""
    tally = Tally()
    with running(RedisServer("--appendonly", "no")) as server:
        reached = outages.Reached(server, Cut(server.port))
        subject = Subject(redis_options(server.url()), reached)
        for seed in range(ROUNDS):
            play(outages.TRIAL, subject, seed, tally)
            if tally.failures:
                break
    assert tally.failures


def test_every_flaw_is_found_by_some_trial():
    assert {flaw for flaws in FOUND_BY.values() for flaw in flaws} == set(FLAWS)
