"""Stores that are filled once in a run."""

from pathlib import Path

import pytest
from attrs import evolve

from benchmarks import fresh, stock, stored
from benchmarks.bench import OURS, Bench
from cookietrack_plugin.stores.kit.paging import records

COUNT = 100


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "one", others={"more": {"type": "file", "filename": "more"}})


def test_every_store_has_its_cookies_in_its_place(bench: Bench) -> None:
    stock.supply(bench, bench.durable(), COUNT)
    for label, options in bench.durable().items():
        with stored.opened(options, bench.place(label)) as store:
            assert store.stat()["cookies"] == COUNT
            assert stored.authenticated(COUNT - 1) in records(store)


def test_the_next_benchmark_finds_ours_filled(bench: Bench) -> None:
    stock.supply(bench, {"file": OURS["file"]}, COUNT)
    (bench.stock / f"file-{COUNT}" / "mark").touch()
    after = evolve(bench, directory=bench.directory.with_name("two"))
    stock.supply(after, {"file": OURS["file"]}, COUNT)
    assert (after.place("file") / "mark").exists()


def test_a_store_that_could_not_be_filled_is_not_there_for_the_next_one(tmp_path: Path) -> None:
    place = tmp_path / "filled"
    stock.fill_all([stock.Filling(OURS["file"], place, COUNT)])
    with pytest.raises(fresh.FreshFailed, match="a cookie was there already"):
        stock.fill_all([stock.Filling(OURS["file"], place, COUNT)])
    assert not place.exists()
