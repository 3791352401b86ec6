"""What is made below the interface of a store is what the store itself would have written."""

from pathlib import Path

import lmdb
from attrs import evolve

from benchmarks import bulk, stored
from cookietrack_plugin.record import Touch

COUNT = 1000
MAP_SIZE = 2**30


def silent(_: str) -> None:
    pass


def test_a_file_is_the_same_byte_by_byte(tmp_path: Path) -> None:
    created = [stored.visited(number) for number in range(COUNT)]
    touched = [evolve(cookie, seen=cookie.seen + 1) for cookie in created[: COUNT // 2]]
    with stored.opened({"type": "file", "filename": "stored"}, tmp_path) as store:
        stored.create(store, created)
        store.commit([Touch(c.id, c.seen, c.expires, c.peer, c.user_agent) for c in touched])
    batches = [bulk.file_batch(created, 1), bulk.file_batch(touched, 2)]
    bulk.write_file(tmp_path / "made", batches)
    assert (tmp_path / "made").read_bytes() == (tmp_path / "stored").read_bytes()


def test_an_lmdb_environment_has_the_same_in_all_its_databases(tmp_path: Path) -> None:
    cookie = stored.anonymous(0)
    with stored.opened({"type": "lmdb", "path": "stored"}, tmp_path) as store:
        stored.create(store, [evolve(cookie, id=stored.identifier(n)) for n in range(COUNT)])
    bulk.fill_lmdb(tmp_path / "made", MAP_SIZE, COUNT, silent)
    assert len(contents(tmp_path / "made")) == 4
    assert contents(tmp_path / "made") == contents(tmp_path / "stored")


def contents(place: Path) -> dict[bytes, list[tuple[bytes, bytes]]]:
    """All entries of each database of an environment, by the name that the unnamed one has."""
    with lmdb.open(str(place), max_dbs=8) as env:
        with env.begin() as txn:
            # Where its revocations begin is random.
            ours = (b"cookietrack", b"revoked")
            names = [name for name, _ in txn.cursor() if name not in ours]
        databases = {name: env.open_db(name, create=False) for name in names}
        with env.begin() as txn:
            return {name: [*txn.cursor(db)] for name, db in databases.items()}
