"""Profiles without a node: of look-ups and of commits."""

import pytest

from benchmarks import profiling

STORE = {"type": "lmdb", "path": ".cookies", "writer_process": False}


def test_a_profile_of_lookups(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(profiling, "LOOKUPS", 7)
    profiling.look_up(STORE, 50)
    assert calls("(load)", capsys.readouterr().out) == [7, 7]


def test_a_profile_of_commits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(profiling, "COMMITTED", 3 * profiling.BATCH)
    profiling.commit(STORE, 50)
    out = capsys.readouterr().out
    assert calls("(commit)", out) == [3]
    assert calls("(encode)", out) == [3 * profiling.BATCH]


def calls(function: str, printed: str) -> list[int]:
    """How often each function of that name was called, as a profile says."""
    lines = [line.split() for line in printed.splitlines() if line.endswith(function)]
    return [int(columns[0]) for columns in lines]
