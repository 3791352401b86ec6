"""The plugin's conformance suite over the store."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from threading import Barrier

import pytest
from cookietrack_rocksdb.engine import RocksdbEngine
from cookietrack_rocksdb.provider import RocksdbProvider
from rocksdict import Options, Rdict

from cookietrack_plugin.errors import ConfigError, StoreFull
from cookietrack_plugin.stores.kit.ordered.keys import record_key
from cookietrack_plugin.testing import DurableStoreSuite


class TestRocksdbStore(DurableStoreSuite):
    provider = RocksdbProvider
    options = {"type": "rocksdb", "path": "cookies"}
    wrong_options = [("path", {"type": "rocksdb", "path": ""})]
    lacks = {
        "sharing": "RocksDB lets one process open a database",
        "limit": "nothing but the disk limits it",
    }

    def damage(self, options, node_dir, id):
        put(node_dir / options["path"], record_key(id), b"\xff")

    def take_away(self, options, node_dir):
        (node_dir / options["path"]).rename(node_dir / "elsewhere")

    def break_store(self, options, node_dir):
        self.take_away(options, node_dir)

    def mend_store(self, options, node_dir):
        (node_dir / "elsewhere").rename(node_dir / options["path"])

    def plant(self, options, node_dir):
        put(node_dir / options["path"], b"somebody", b"else's database")


def put(path, key, value):
    with closing(Rdict(str(path), Options(raw_mode=True))) as database:
        database[key] = value


@pytest.mark.parametrize(
    "names",
    [
        ["rocksdict-config.json"],
        ["rocksdict-config.json", "LOCK", "LOG"],
        ["LOCK", "LOG", "LOG.old.123", "IDENTITY", "MANIFEST-000001", "000001.dbtmp"],
    ],
)
def test_a_database_that_was_not_made_to_its_end_is_made(tmp_path, names):
    for name in names:
        (tmp_path / name).touch()
    with closing(RocksdbEngine(str(tmp_path))) as engine:
        put_by(engine, b"a")


def test_a_full_disk_can_be_read_and_goes_on_when_there_is_room(tmp_path):
    with small_disk(tmp_path) as folder, closing(RocksdbEngine(str(folder / "c"))) as engine:
        put_by(engine, b"a")
        with ballast(folder):
            for _ in range(3):
                with pytest.raises(StoreFull, match="no room"):
                    put_by(engine, b"b", bytes(100_000))
                assert set(engine.get([b"a", b"b"])) == {b"a"}
        put_by(engine, b"b")
        assert set(engine.get([b"a", b"b"])) == {b"a", b"b"}


@pytest.fixture
def restless():
    """Threads that take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless")
def test_threads_that_find_it_closed_open_it_once(tmp_path):
    together = Barrier(8)

    def get(engine):
        together.wait()
        return list(engine.get([b"a"]))

    with closing(RocksdbEngine(str(tmp_path))) as engine, ThreadPoolExecutor(8) as threads:
        put_by(engine, b"a")
        for _ in range(20):
            engine._release()
            assert list(threads.map(get, [engine] * 8)) == [[b"a"]] * 8


def test_what_another_user_may_not_open_is_said_to_be_denied(tmp_path):
    path = tmp_path / "c"
    RocksdbEngine(str(path)).close()
    for each in (path, *path.iterdir()):
        each.chmod(0o555 if each.is_dir() else 0o444)

    def attempt():
        with pytest.raises(ConfigError, match=r"permission denied, .* mode 0"):
            RocksdbEngine(str(path))

    as_nobody(tmp_path, attempt)


def put_by(engine, key, value=b"value"):
    engine.write(lambda view: ({key: value}, None))


@contextmanager
def small_disk(folder):
    mounted = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mounted, check=False).returncode:
        pytest.skip("a disk that gets full needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def ballast(folder):
    """No room for anything else."""
    path = folder / "ballast"
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    try:
        yield
    finally:
        path.unlink()


def as_nobody(folder, attempt):
    """Make it in a process that is not root's."""
    for each in (folder, *folder.parents):
        if os.geteuid() == 0 and not each.stat().st_mode & 0o005:
            each.chmod(0o755)
    if pid := os.fork():
        assert os.waitpid(pid, 0)[1] == 0
        return
    failed = 1
    with suppress(BaseException):
        if os.geteuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        attempt()
        failed = 0
    os._exit(failed)
