"""
Stores of each format, as the code wrote them that brought it: `tests/stores/kept/TYPE-FORMAT…`.

They were filled by `fill`, in the version before the next format came. To keep one of a new format,
let `fill` write into a new store, and save what `content` of its place gives (of the file: its
bytes; of LMDB: its data file, by gzip).
"""

import gzip
import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from zlib import crc32

import lmdb
from attrs import evolve
from sqlalchemy import create_engine, inspect, text

from cookietrack_plugin.record import Auth, Authenticate, Change, Cookie, Create, Touch
from cookietrack_plugin.stores.file.provider import FileProvider
from cookietrack_plugin.stores.kit.ordered.keys import MARK
from cookietrack_plugin.stores.kit.ordered.store import OrderedStore
from cookietrack_plugin.stores.lmdb.store import LmdbProvider
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.provider import RedisProvider
from cookietrack_plugin.stores.redis.url import parse_url
from cookietrack_plugin.stores.sql.provider import SqlProvider
from cookietrack_plugin.stores.sql.url import driven
from cookietrack_plugin.stores.sql.url import parse_url as parse_sql_url
from tests.support.ordered import DictEngine

FOLDER = Path(__file__).parents[1] / "stores" / "kept"
CREATED, EXPIRES, DAY = 1_800_000_000_000, 2_800_000_000_000, 86_400_000
ANN = Auth("ann", "user", "scram", "realm1")
JOE = Auth("joe", "user", "ticket", "realm1", {"tenant": "acme", "n": [1, None, True]})
# Moments of the run that wrote a store, whose digits are not of `fill`.
_MOMENT = re.compile(r"\b1[5-9]\d{11}(?:-\d+)?\b")
_RANDOM = re.compile(r"(?<=cookietrack 1 )[0-9a-f]{32}|'[0-9a-f]{32}'")


def id_of(number: int) -> str:
    return f"Kept{number:020d}"


def _cookie(number: int, peer: str | None, agent: str | None, auth: Auth | None) -> Cookie:
    return Cookie(id_of(number), CREATED, EXPIRES, CREATED, peer, agent, auth)


# Before anything happens to them: the fourth has texts that the general layout takes alone.
BEGINNING = [
    _cookie(0, "tcp4:192.0.2.1:52410", None, None),
    evolve(_cookie(1, "tcp6:[2001:db8::7]:443", "Mozilla/5.0", JOE), seen=CREATED + 5),
    _cookie(2, None, "curl/8", Auth("sue", "admin", "wampcra", "realm1")),
    _cookie(3, "", "Zoë ☃", Auth("joe", "user", "ticket", "realm2", {})),
    _cookie(4, "tcp4:192.0.2.9:1", None, Auth("bob", "user", "ticket", "realm1")),
    _cookie(5, "unix", None, None),
]
_SEEN = CREATED + DAY
_TOUCH = Touch(id_of(0), _SEEN, EXPIRES + DAY, "tcp4:192.0.2.2:1", "Mozilla/5.0")
# What a kept store has.
COOKIES = [
    Cookie(id_of(0), CREATED, EXPIRES + DAY, _SEEN, _TOUCH.peer, _TOUCH.user_agent),
    *BEGINNING[1:4],
    evolve(BEGINNING[5], seen=_SEEN, auth=ANN),
]


def commit(store: Any, *changes: Change) -> None:
    """Commit changes, each of which applies."""
    assert all(store.commit(changes)), changes


def fill(store: Any) -> None:
    """What was done to the kept stores. Where a user could not be revoked yet, bob was deleted."""
    commit(store, *map(Create, BEGINNING))
    since = store.revoked_since(None)[1] if hasattr(store, "revoked_since") else None
    commit(store, Authenticate(id_of(5), ANN, _SEEN, since))
    commit(store, _TOUCH)
    assert store.revoke_user("bob", "realm1") == 1


class FilePlace:
    """One file."""

    type, suffix = "file", ".dat"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "cookies.dat"
        self.options = {"type": "file", "filename": "cookies.dat", "writer_process": False}
        self.directory = str(folder)

    def plant(self, kept: bytes) -> None:
        self._path.write_bytes(kept)

    def open(self) -> Any:
        return FileProvider().open(self.options, self.directory)

    def look(self) -> Any:
        """Open it as people look at it; nothing is altered."""
        return FileProvider().open_readonly(self.options, self.directory)

    def content(self) -> str:
        return self._path.read_bytes().decode()

    def format(self) -> int:
        return int(json.loads(self.content().splitlines()[0])["cookietrack"])

    def mark(self, format: int) -> None:
        """Have it say that it has another format."""
        head, _, rest = self._path.read_bytes().partition(b"\n")
        legend = head.partition(b'"lines"')[2][:-1]
        legend = b', "lines"' + legend
        number = b"%d" % format
        line = b'{"cookietrack": %b, "crc32": "%08x"%b}' % (number, crc32(number + legend), legend)
        self._path.write_bytes(line + b"\n" + rest)


class LmdbPlace:
    """A directory with an environment."""

    type, suffix = "lmdb", ".mdb.gz"

    def __init__(self, folder: Path) -> None:
        self._path = folder / "cookies"
        self.options = {"type": "lmdb", "path": "cookies", "writer_process": False}
        self.directory = str(folder)

    def plant(self, kept: bytes) -> None:
        self._path.mkdir(0o700)
        (self._path / "data.mdb").write_bytes(gzip.decompress(kept))

    def open(self) -> Any:
        return LmdbProvider().open(self.options, self.directory)

    def look(self) -> Any:
        return LmdbProvider().open_readonly(self.options, self.directory)

    def content(self) -> str:
        with lmdb.open(str(self._path), max_dbs=8) as env, env.begin() as txn:
            found = [*_entries(env, txn)]
        # Positions in the feed begin at random.
        begin = int.from_bytes(min(key for name, key, _ in found if name == b"revoked"))
        text = b"\n".join(
            name + b" " + key.hex().encode() + b" " + value.hex().encode()
            for name, key, value in found
        ).decode()
        for number in range(2):
            text = text.replace((begin + number).to_bytes(8).hex(), f"<{number}>")
        return text

    def format(self) -> int:
        with lmdb.open(str(self._path), max_dbs=8) as env, env.begin() as txn:
            return int(txn.get(b"cookietrack"))

    def mark(self, format: int) -> None:
        with lmdb.open(str(self._path), max_dbs=8) as env, env.begin(write=True) as txn:
            txn.put(b"cookietrack", b"%d" % format)


def _entries(env: Any, txn: Any) -> Iterator[tuple[bytes, bytes, bytes]]:
    for name, value in txn.cursor():
        if name == b"cookietrack":
            yield name, b"", value
            continue
        table = env.open_db(name, txn=txn, create=False)
        yield from ((name, key, found) for key, found in txn.cursor(db=table))


class OrderedPlace:
    """An engine in memory."""

    type, suffix = "ordered", ".txt"

    def __init__(self) -> None:
        self._engine = DictEngine()

    def plant(self, kept: bytes) -> None:
        for line in kept.decode().splitlines():
            key, value = map(bytes.fromhex, line.split(" "))
            self._engine.kept[key] = value

    def open(self) -> Any:
        self._engine._is_closed = False
        return OrderedStore(self._engine, "the place")

    look = open

    def content(self) -> str:
        return "\n".join(f"{key!r} {value!r}" for key, value in sorted(self._engine.kept.items()))

    def format(self) -> int:
        return int(self._engine.kept[MARK].split()[1])

    def mark(self, format: int) -> None:
        self._engine.kept[MARK] = b"cookietrack %d " % format + b"0" * 32


class SqlPlace:
    """The tables of a database."""

    type = "sql"

    def __init__(self, url: str) -> None:
        self.options = {"type": "sql", "url": url}
        self._url = driven(parse_sql_url(url))
        kind = url.partition(":")[0].partition("+")[0]
        self.suffix = f".{'mariadb' if kind == 'mysql' else kind}.sql"

    def _execute(self, *statements: str) -> None:
        engine = create_engine(self._url)
        with closing(engine.connect()) as connection, connection.begin():
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()

    def plant(self, kept: bytes) -> None:
        self._execute(*kept.decode().splitlines())

    def open(self) -> Any:
        return SqlProvider().open(self.options, ".")

    def look(self) -> Any:
        return SqlProvider().open_readonly(self.options, ".")

    def content(self) -> str:
        engine = create_engine(self._url)
        lines = []
        with engine.connect() as connection:
            for table in sorted(inspect(engine).get_table_names()):
                found = connection.execute(text(f"SELECT * FROM {table} ORDER BY 1"))
                lines += [f"{table} {sorted(row._mapping.items())}" for row in found]
        engine.dispose()
        return "\n".join(lines)

    def format(self) -> int:
        engine = create_engine(self._url)
        with engine.connect() as connection:
            found = connection.execute(text("SELECT version FROM cookietrack_meta")).scalar()
        engine.dispose()
        assert isinstance(found, int)
        return found

    def mark(self, format: int) -> None:
        self._execute(f"UPDATE cookietrack_meta SET version = {format}")


class RedisPlace:
    """The keys of a prefix."""

    type, suffix = "redis", ".txt"

    def __init__(self, url: str, prefix: str) -> None:
        self._url, self._prefix = url, prefix
        self.options = {"type": "redis", "url": url, "prefix": prefix, "partitions": 2}

    def _run(self, *commands: Any) -> list[Any]:
        with closing(Client(parse_url(self._url), ".", timeout=5)) as client:
            return list(client.run(list(commands)))

    def plant(self, kept: bytes) -> None:
        commands = [json.loads(line) for line in kept.decode().splitlines()]
        for name, key, *words in commands:
            own = key.replace("{kept", "{" + self._prefix)
            self._run((name, own, *(word.encode("latin1") for word in words)))

    def open(self) -> Any:
        return RedisProvider().open(self.options, ".")

    def look(self) -> Any:
        return RedisProvider().open_readonly(self.options, ".")

    def content(self) -> str:
        (keys,) = self._run(("KEYS", f"{{{self._prefix}*"))
        lines = []
        for key in sorted(keys):
            (kind,) = self._run(("TYPE", key))
            found, ends = self._run((*_READ[kind.decode()](key),), ("PEXPIRETIME", key))
            own = key.decode().replace(self._prefix, "kept")
            lines.append(f"{own} {found} {ends}")
        return "\n".join(lines)

    def format(self) -> int:
        return int(self._run(("HGET", f"{{{self._prefix}}}:meta", "version"))[0])

    def mark(self, format: int) -> None:
        self._run(("HSET", f"{{{self._prefix}}}:meta", "version", format))


_READ: dict[str, Callable[[bytes], tuple[Any, ...]]] = {
    "string": lambda key: ("GET", key),
    "hash": lambda key: ("HGETALL", key),
    "set": lambda key: ("SORT", key, "ALPHA"),
    "zset": lambda key: ("ZRANGE", key, 0, -1, "WITHSCORES"),
    "stream": lambda key: ("XRANGE", key, "-", "+"),
}
Place = FilePlace | LmdbPlace | OrderedPlace | SqlPlace | RedisPlace


def kept_of(place: Place, format: int) -> Path:
    return FOLDER / f"{place.type}-{format}{place.suffix}"


def lasting(content: str) -> str:
    """The content without what is another at each run: moments, and names made up at random."""
    known = {str(each) for each in (CREATED, CREATED + 5, _SEEN)}
    text = _MOMENT.sub(lambda found: found[0] if found[0] in known else "<now>", content)
    return _RANDOM.sub("<random>", text)
