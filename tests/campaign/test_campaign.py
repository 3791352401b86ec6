"""The short form of a campaign: some rounds of each trial, and the command."""

from itertools import product

import pytest
from click.testing import CliRunner

from campaign import trials
from campaign.__main__ import main
from campaign.report import Row
from campaign.trial import Subject, Tally, Trial, play
from campaign.trials import TRIALS, UnknownTrial, choose

# Always the same: a test guards what a campaign has found.
SEEDS = [12]
# How much of a campaign's round is tried here.
EFFORT = {"kills": 0.4, "powercuts": 0.2, "errnos": 0.25, "damage": 0.3, "rivals": 0.4}
EFFORT["strangers"] = 0.02
# Where each of these is about something else: a few of them are enough.
SERVERS = [
    ("rivals", "redis"),
    ("rivals", "postgresql"),
    ("outages", "redis"),
    ("strangers", "redis"),
]
EMBEDDED = [
    *product(("kills", "powercuts", "errnos", "damage"), ("file", "lmdb", "sqlite")),
    *product(("rivals",), ("lmdb", "sqlite")),
    ("strangers", "lmdb"),
]


def tally_of(trial, store):
    tally = Tally()
    with TRIALS[trial].subjects[store]() as subject:
        for seed in SEEDS:
            play(TRIALS[trial], subject, seed, tally, EFFORT.get(trial, 1.0))
    return tally


@pytest.mark.parametrize(("trial", "store"), EMBEDDED)
def test_a_round(trial, store):
    check(Row(trial, store, tally_of(trial, store)))


@pytest.mark.server
@pytest.mark.parametrize(("trial", "store"), SERVERS)
def test_a_round_with_a_server(trial, store):
    check(Row(trial, store, tally_of(trial, store)))


def check(row):
    assert not row.tally.failures, "\n".join(row.failures())
    assert row.tally.acknowledged > 0
    assert (row.tally.lost, row.tally.revived) == (0, 0)


def test_trials_and_stores_are_chosen_by_name():
    assert [name for _, name in choose("kills")] == ["file", "lmdb", "sqlite"]
    assert [(trial.name, name) for trial, name in choose("kills:lmdb,damage:file")] == [
        ("kills", "lmdb"),
        ("damage", "file"),
    ]
    assert {trial.name for trial, name in choose(":lmdb")} == {
        *("kills", "powercuts", "errnos", "damage", "rivals", "strangers"),
    }
    assert {trial.name for trial, _ in choose(None)} == set(TRIALS)
    with pytest.raises(UnknownTrial, match=r"kills:file\|lmdb"):
        list(choose("kills:oracle"))


class Shown:
    """A command whose only trial fails with odd seeds."""

    def __init__(self, monkeypatch):
        monkeypatch.setattr(trials, "TRIALS", {"odd": Trial("odd", self.play, self.subjects, 4)})
        self.seeds = []

    @property
    def subjects(self):
        return {"none": self}

    def __call__(self):
        return self

    def __enter__(self):
        return Subject(lambda _: {})

    def __exit__(self, *_):
        """Nothing to end."""

    def play(self, round):
        self.seeds.append(round.seed)
        round.tally.acknowledged += 1000
        if round.seed % 2:
            round.tally.lost += 1
            raise RuntimeError("the disk is on fire")


def test_the_command_says_how_to_repeat_a_failure(monkeypatch):
    shown = Shown(monkeypatch)
    result = CliRunner().invoke(main, ["--only", "odd", "--seed", "7"])
    assert result.exit_code == 1
    assert "make campaign ONLY=odd:none SEED=7\n    RuntimeError: the disk is on fire" in (
        result.output
    )
    assert shown.seeds == [7]


def test_the_command_is_content_where_nothing_fails(monkeypatch):
    Shown(monkeypatch)
    result = CliRunner().invoke(main, ["--seed", "8"])
    assert result.exit_code == 0
    assert "1,000" in result.output


def test_a_scale_is_so_many_times_the_rounds(monkeypatch):
    shown = Shown(monkeypatch)
    CliRunner().invoke(main, ["--scale", "2.5"])
    assert len(shown.seeds) == len(set(shown.seeds)) == 10


def test_an_unknown_trial_is_refused():
    result = CliRunner().invoke(main, ["--only", "luck"])
    assert result.exit_code == 2
    assert "kills" in result.output
