"""Every benchmark works, in sizes that mean nothing."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from benchmarks import bench, cases, flush, registry, servers, stored
from benchmarks.bench import Bench, Options
from benchmarks.cases import Case
from benchmarks.runner import Runner
from benchmarks.suite import codec, logouts
from servers.databases import Database, MariaDB, PostgreSQL
from servers.redises import RedisServer

pytest_plugins = ["tests.support.servers"]

TOP = Path(__file__).parents[2]
STORES = ("lookups", "opening", "disk", "scaling", "sweep", "compaction", "compaction_load")
SCALE = 0.01

Written = dict[str, Any]


def command(names: str, results: Path, *options: str) -> None:
    """Measure them as the command does."""
    order = [sys.executable, "-m", "benchmarks", "--only", names, "--results", str(results)]
    small = ["--rounds", "1", "--scale", str(SCALE), "--no-docs"]
    done = subprocess.run([*order, *small, *options], cwd=TOP, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def measured(name: str, results: Path) -> Written:
    """The same within this process."""
    runner = Runner(1, SCALE, {}, results, docs=False)
    assert runner.run([registry.find(name)])
    return written(name, results)


def written(name: str, results: Path) -> Written:
    found: Written = json.loads((results / f"{name}.json").read_text())
    return found


def cases_of(found: Written) -> set[str]:
    return {figure["case"] for figure in found["figures"]}


def judged(found: Written) -> set[str]:
    return {figure["case"] for figure in found["figures"] if figure["target"]}


@pytest.fixture(scope="module")
def by_command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of one command for all benchmarks of stores."""
    results = tmp_path_factory.mktemp("results")
    command(",".join((*STORES, "codec")), results)
    return results


@pytest.mark.parametrize("name", STORES)
def test_a_benchmark_of_stores(name: str, by_command: Path) -> None:
    assert judged(written(name, by_command))


def test_a_benchmark_of_records(by_command: Path) -> None:
    """The other codec does the same: what it makes of a record is that record."""
    assert cases_of(written("codec", by_command)) == {codec.OURS, codec.OTHER}
    cookie = stored.visited(1)
    assert codec.decode(cookie.id, codec.encode(cookie)) == cookie
    with pytest.raises(ValueError, match="checksum"):
        codec.decode(stored.identifier(2), codec.encode(cookie))


def test_a_store_can_be_put_beside_ours(tmp_path: Path) -> None:
    command("commits", tmp_path, "--store", 'lmdb:{"path": ".more", "sync": false}')
    found = written("commits", tmp_path)
    assert {"lmdb, 64 at a time", "lmdb (path=.more, sync=False), 64 at a time"} <= cases_of(found)
    assert judged(found)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Case]]:
    """Crossbar's node and ours, whose flushes take longer."""
    folder = tmp_path_factory.mktemp("nodes")
    with cases.running(Bench(folder), flush.environment(folder)) as found:
        yield found


@pytest.mark.node
@pytest.mark.parametrize("name", ["handshakes", "calls"])
def test_a_benchmark_of_nodes(
    name: str, nodes: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each starts a pair of its own elsewhere."""
    monkeypatch.setattr(cases, "running", lambda *_: nullcontext(nodes))
    assert judged(measured(name, tmp_path)) == {"lmdb", "file"}


@pytest.mark.node
def test_a_benchmark_of_endings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    It fails when others were revoked than it wanted. Each store has a node of its own, and a file
    is to it what an lmdb is.
    """
    stores = {label: bench.OURS[label] for label in ("memory", "lmdb")}
    monkeypatch.setattr(bench, "OURS", stores)
    assert judged(measured("endings", tmp_path)) == {"memory", "lmdb"}


@contextmanager
def on_database(server: Database) -> Iterator[tuple[Database, Options]]:
    with server.database() as name:
        yield server, {"type": "sql", "url": server.url(name)}


@contextmanager
def on_redis(server: RedisServer) -> Iterator[tuple[RedisServer, Options]]:
    yield server, {"type": "redis", "url": server.url(), "prefix": f"tests{uuid4().hex}"}


@pytest.fixture
def shared_servers(
    postgresql: PostgreSQL, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Benchmarks find the servers of the tests, with a store of their own that is empty."""
    monkeypatch.setattr(servers, "postgresql", partial(on_database, postgresql))
    monkeypatch.setattr(servers, "redis", partial(on_redis, redis_server))


@pytest.mark.node
@pytest.mark.server
@pytest.mark.usefixtures("shared_servers")
def test_a_benchmark_of_servers(tmp_path: Path) -> None:
    found = measured("servers", tmp_path)
    assert judged(found) == {"PostgreSQL", "Redis"}
    trips = [f for f in found["figures"] if f["metric"] == "round trips, new cookie"]
    assert all(figure["median"] > 0 for figure in trips)


@pytest.mark.node
@pytest.mark.server
@pytest.mark.usefixtures("shared_servers")
def test_a_benchmark_of_guarded_files(tmp_path: Path) -> None:
    """It fails when one is not answered with the file."""
    found = measured("guard", tmp_path)
    stores = ("memory", "lmdb", "PostgreSQL", "Redis")
    assert judged(found) == {f"{store}, {size}" for store in stores for size in ("2 kB", "64 kB")}
    added = [f for f in found["figures"] if f["metric"] == "reactor CPU, added"]
    assert {f["target"] for f in added} == {"≤ 60", None}


@pytest.mark.node
@pytest.mark.server
def test_a_benchmark_of_outages(tmp_path: Path) -> None:
    """It fails when nobody was refused, or nobody served at the end."""
    assert judged(measured("outage", tmp_path)) == {"PostgreSQL", "Redis"}


@pytest.mark.server
def test_a_benchmark_of_logouts(
    postgresql: PostgreSQL, mariadb: MariaDB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails when a change does not apply."""
    shared = {"PostgreSQL": postgresql, "MariaDB": mariadb}
    for label, server in shared.items():
        monkeypatch.setitem(logouts.SERVERS, label, partial(on_database, server))
    assert len(judged(measured("logouts", tmp_path))) == 8


@pytest.mark.server
@pytest.mark.usefixtures("shared_servers")
def test_how_servers_grow(tmp_path: Path) -> None:
    found = measured("growth", tmp_path)
    assert {"100 cookies", "1,000 cookies", "10,000 cookies"} == cases_of(found)
