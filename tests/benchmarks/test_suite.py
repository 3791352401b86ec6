"""Every benchmark works, in sizes that mean nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import stored
from benchmarks.suite import codec

TOP = Path(__file__).parents[2]
STORES = ("lookups", "opening", "disk", "scaling", "sweep", "compaction", "compaction_load")


def run(name: str, results: Path, *options: str) -> dict[str, object]:
    order = [sys.executable, "-m", "benchmarks", "--only", name, "--results", str(results)]
    small = ["--rounds", "1", "--scale", "0.01", "--no-docs"]
    done = subprocess.run([*order, *small, *options], cwd=TOP, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    written: dict[str, object] = json.loads((results / f"{name}.json").read_text())
    return written


def cases(written: dict[str, object]) -> set[str]:
    return {figure["case"] for figure in written["figures"]}


def judged(written: dict[str, object]) -> set[str]:
    return {figure["case"] for figure in written["figures"] if figure["target"]}


@pytest.mark.parametrize("name", STORES)
def test_a_benchmark_of_stores(name: str, tmp_path: Path) -> None:
    written = run(name, tmp_path)
    assert judged(written)


def test_a_benchmark_of_records(tmp_path: Path) -> None:
    """The other codec does the same: what it makes of a record is that record."""
    assert cases(run("codec", tmp_path)) == {codec.OURS, codec.OTHER}
    cookie = stored.visited(1)
    assert codec.decode(cookie.id, codec.encode(cookie)) == cookie
    with pytest.raises(ValueError, match="checksum"):
        codec.decode(stored.identifier(2), codec.encode(cookie))


@pytest.mark.node
@pytest.mark.parametrize("name", ["handshakes", "calls"])
def test_a_benchmark_of_nodes(name: str, tmp_path: Path) -> None:
    run(name, tmp_path)


@pytest.mark.node
def test_a_benchmark_of_endings(tmp_path: Path) -> None:
    """It fails when others were revoked than it wanted."""
    written = run("endings", tmp_path)
    assert judged(written) == {"memory", "file", "lmdb"}


@pytest.mark.node
@pytest.mark.server
def test_a_benchmark_of_servers(tmp_path: Path) -> None:
    written = run("servers", tmp_path)
    assert judged(written) == {"PostgreSQL", "Redis"}
    trips = [f for f in written["figures"] if f["metric"] == "round trips, new cookie"]
    assert all(figure["median"] > 0 for figure in trips)


@pytest.mark.node
@pytest.mark.server
def test_a_benchmark_of_guarded_files(tmp_path: Path) -> None:
    """It fails when one is not answered with the file."""
    written = run("guard", tmp_path)
    stores = ("memory", "lmdb", "PostgreSQL", "Redis")
    assert judged(written) == {f"{store}, {size}" for store in stores for size in ("2 kB", "64 kB")}
    added = [f for f in written["figures"] if f["metric"] == "reactor CPU, added"]
    assert {f["target"] for f in added} == {"≤ 60", None}


@pytest.mark.node
@pytest.mark.server
def test_a_benchmark_of_outages(tmp_path: Path) -> None:
    """It fails when nobody was refused, or nobody served at the end."""
    written = run("outage", tmp_path)
    assert judged(written) == {"PostgreSQL", "Redis"}


@pytest.mark.server
def test_a_benchmark_of_logouts(tmp_path: Path) -> None:
    """It fails when a change does not apply."""
    written = run("logouts", tmp_path)
    assert len(judged(written)) == 8


@pytest.mark.server
def test_how_servers_grow(tmp_path: Path) -> None:
    written = run("growth", tmp_path)
    assert {"100 cookies", "1,000 cookies", "10,000 cookies"} == cases(written)


def test_a_store_can_be_put_beside_ours(tmp_path: Path) -> None:
    written = run("commits", tmp_path, "--store", 'lmdb:{"path": ".more", "sync": false}')
    assert {"lmdb, 64 at a time", "lmdb (path=.more, sync=False), 64 at a time"} <= cases(written)
    assert judged(written)
