"""Stores without a node around them: opened through the registry, filled, weighed."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.header import id_of
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Auth, Cookie, Create

# Any moment: records are made from it on, a millisecond after the other.
EPOCH = 1_800_000_000_000
DAY = 86_400_000
FILLING = 10_000
QUICKLY = {"lmdb": {"sync": False, "writer_process": False}}
BROWSER = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/140.0.0.0 Safari/537.36"
)


@contextmanager
def opened(options: Mapping[str, Any], directory: Path) -> Iterator[ICookieStore]:
    """A store by its `store` item, as a worker opens it; `directory` is its node's."""
    provider = find_provider(options["type"])
    provider.check(options)
    directory.mkdir(parents=True, exist_ok=True)
    store = provider.open(options, str(directory))
    try:
        yield store
    finally:
        store.close()


def quick(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same store, to be filled more quickly; it leaves no trace in what is written."""
    return {**options, **QUICKLY.get(options["type"], {})}


def identifier(number: int) -> str:
    return id_of(str(number))


def anonymous(number: int) -> Cookie:
    """A cookie that nobody has logged in with."""
    at = EPOCH + number
    return Cookie(identifier(number), at, at + DAY, at)


def authenticated(number: int, created: int = EPOCH) -> Cookie:
    """A cookie with a login of its own, and no more than Crossbar's stores keep of one."""
    auth = Auth(f"user{number}", "user", "ticket", "realm1")
    at = created + number
    return Cookie(identifier(number), at, at + DAY, at, auth=auth)


def visited(number: int, created: int = EPOCH) -> Cookie:
    """The same as the router has it: with the client's address and its browser."""
    plain = authenticated(number, created)
    peer = f"tcp4:192.0.2.{number % 256}:{1024 + number % 60000}"
    return Cookie(plain.id, plain.created, plain.expires, plain.seen, peer, BROWSER, plain.auth)


def fill(store: ICookieStore, count: int) -> None:
    """Create `count` authenticated cookies, in large batches."""
    for start in range(0, count, FILLING):
        numbers = range(start, min(start + FILLING, count))
        create(store, [authenticated(number) for number in numbers])


def create(store: ICookieStore, cookies: Iterable[Cookie]) -> None:
    """
    :raises RuntimeError: one was there already.
    """
    if not all(store.commit([Create(cookie) for cookie in cookies])):
        raise RuntimeError("a cookie was there already")


def bytes_on_disk(directory: Path) -> int:
    """What the files really take: those of a database may have holes."""
    return sum(path.stat().st_blocks * 512 for path in directory.rglob("*") if path.is_file())


def seconds(action: Callable[[], Any]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began
