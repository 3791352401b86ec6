"""A disk that really is full, under the tables of a store on PostgreSQL, or under all of it."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from servers.databases import PostgreSQL
from servers.process import account, new_folder
from tests.support.missing import missing
from tests.support.node import wait_for

# A message into the write-ahead log, smaller than one of its segments.
MESSAGE = "SELECT pg_logical_emit_message(true, 'full', repeat('x', 4000000))"
TABLES = ("cookietrack", "cookietrack_revoked", "cookietrack_meta")
FILLER, LATE = "filler", 2**53
# Rows that fill up what room there is within pages: the large ones first.
FILLING = [
    "INSERT INTO cookietrack (id, created, expires, seen, user_agent)"
    f" VALUES ('{FILLER}{{}}', 0, {LATE}, 0, repeat('x', {width}))"
    for width in (1500, 300, 0)
]
FILLING.append(
    f"INSERT INTO cookietrack_revoked (number, id, at) VALUES (-{{}}, '{FILLER}', {LATE})"
)


@contextmanager
def small_disk(megabytes: int = 4) -> Iterator[Path]:
    """
    A file system of a few megabytes, which PostgreSQL can write to. Where none can be mounted the
    test is skipped, and fails where `CI=true`.
    """
    owner = account("postgres")
    folder = new_folder("disk", owner)
    ids = pwd.getpwnam(owner) if owner else pwd.getpwuid(os.geteuid())
    options = f"size={megabytes}m,mode=700,uid={ids.pw_uid},gid={ids.pw_gid}"
    try:
        mount("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder))
        try:
            yield folder
        finally:
            # Lazily: a server may still hold files that it has deleted.
            mount("umount", "--lazy", str(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def mount(*command: str) -> None:
    """`mount` or `umount`; where that cannot be the test is skipped, and fails where `CI=true`."""
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    try:
        subprocess.run([*sudo, *command], capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or error
        missing(f"a disk that gets full needs root, or sudo without a password: {said}")


@contextmanager
def full_disk(server: PostgreSQL, database: str) -> Iterator[None]:
    """
    Within the block nothing can be added to a store's tables: these lie on a disk of their own,
    which is filled up by another file, and so is what room their pages had. The indexes do not: one
    of their pages would be full sooner or later than another, as ids are random.
    """
    with small_disk() as folder, _tables_on(folder, server, database):
        ballast = folder / "ballast"
        _fill(ballast)
        try:
            _use_up(server, database)
            yield
        finally:
            ballast.unlink()
            _remove_fillers(server, database)


@contextmanager
def no_room(server: PostgreSQL, disk: Path) -> Iterator[None]:
    """
    Within the block a server whose folder is the `disk` has ended, as there is no room for its
    write-ahead log (PANIC). Then there is room again, and it is started.
    """
    ballast = disk / "ballast"
    _fill(ballast)
    try:
        with suppress(psycopg.OperationalError), closing(server.connect()) as connection:
            while True:
                connection.execute(MESSAGE)
        wait_for(server.has_ended, "the server gives up")
        yield
    finally:
        ballast.unlink()
    server.restart()


@contextmanager
def _tables_on(folder: Path, server: PostgreSQL, database: str) -> Iterator[None]:
    server.execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
    try:
        _move(server, database, "small")
        yield
    finally:
        _move(server, database, "pg_default")
        server.execute("DROP TABLESPACE small")
        # A server that is killed later must not look for it.
        server.execute("CHECKPOINT")


def _move(server: PostgreSQL, database: str, place: str) -> None:
    for table in TABLES:
        server.execute(f"ALTER TABLE {table} SET TABLESPACE {place}", database)
    _vacuum(server, database)


def _vacuum(server: PostgreSQL, database: str) -> None:
    """Note all room there is within pages, so that rows can be put there, and give none back."""
    server.execute(f"VACUUM (TRUNCATE false) {', '.join(TABLES)}", database)


def _fill(ballast: Path) -> None:
    """As much as there is room for, to the last page."""
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def _use_up(server: PostgreSQL, database: str) -> None:
    """Until the pages have no room left, nor get any by what clients had under way."""
    numbers = count(1)
    with closing(server.connect(database)) as connection:
        while sum([_put(connection, statement, numbers) for statement in FILLING]):
            _vacuum(server, database)


def _put(connection: psycopg.Connection[Any], statement: str, numbers: Iterator[int]) -> int:
    """Rows until one fits no more: how many did."""
    for put, number in enumerate(numbers):
        try:
            connection.execute(statement.format(number))
        except psycopg.errors.DiskFull:
            return put
    raise AssertionError("numbers do not end")


def _remove_fillers(server: PostgreSQL, database: str) -> None:
    server.execute(f"DELETE FROM cookietrack WHERE id LIKE '{FILLER}%'", database)
    server.execute("DELETE FROM cookietrack_revoked WHERE number < 0", database)
