"""The `file` store type: its options, and how a store of it is opened."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from zope.interface import implementer

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import (
    ICookieStore,
    ICookieStoreProvider,
    IReadOnlyProvider,
    IRecognizer,
)
from cookietrack_plugin.stores.file.ledger import Ledger
from cookietrack_plugin.stores.file.loader import open_file
from cookietrack_plugin.stores.file.lock import FileLock, check_free
from cookietrack_plugin.stores.file.place import Place
from cookietrack_plugin.stores.file.reader import HEAD, is_cookie_file
from cookietrack_plugin.stores.file.snapshot import FileSnapshot
from cookietrack_plugin.stores.file.store import FileStore
from cookietrack_plugin.stores.kit.options import Option, Options
from cookietrack_plugin.stores.kit.permissions import is_absent, unusable

OPTIONS = Options(
    filename=Option("the file"),
    purge_on_startup=Option("remove expired records at each start", bool, False),
    writer_process=Option(
        "write in a process of its own; false: on a thread of the worker", bool, True
    ),
)


@implementer(ICookieStoreProvider, IReadOnlyProvider, IRecognizer)
class FileProvider:
    """
    `{"type": "file", "filename": "cookies.dat"}`, relative to the node's directory.

    With `purge_on_startup`, as with Crossbar's own store, expired records are removed from the file
    when it is opened. `writer_process`: false to write on a thread of the worker, and not in a
    process of its own. That saves some 10 MB of memory, and a busy worker is slower.
    """

    summary = "in a text file, for one worker; takes over the files that Crossbar wrote"
    volatile = False
    exclusive = True
    place = "filename"
    opens = ICookieStore
    options = OPTIONS

    def check(self, options: Mapping[str, Any]) -> None:
        self.options.check(options)

    def open(self, options: Mapping[str, Any], node_dir: str) -> FileStore:
        place = _place(options, node_dir)
        with _translated_errors(place.path):
            place.check()
            lock = FileLock(f"{place.path}.lock", place.path)
            try:
                opened = open_file(place.path, self.options.value(options, "purge_on_startup"))
            except BaseException:
                lock.release()
                raise
        ledger = Ledger(place, lock, opened, apart=self.options.value(options, "writer_process"))
        return FileStore(ledger, {"damaged": opened.damaged, "torn": opened.torn})

    def open_readonly(self, options: Mapping[str, Any], node_dir: str) -> ICookieStore:
        place = _place(options, node_dir)
        if is_absent(place.path):
            raise StoreUnavailable(f"there is no cookie file {place.path}")
        with _translated_errors(place.path):
            place.check()
            # A file of Crossbar's has no lock beside it, and is left without one.
            with suppress(FileNotFoundError):
                check_free(f"{place.path}.lock", place.path)
            return FileSnapshot(place.path)

    def recognize(self, path: str) -> str | None:
        if not os.path.isfile(path):
            return None
        with open(path, "rb") as file:
            head = file.read(HEAD)
        # An empty file could be anything.
        return path if head.strip() and is_cookie_file(head) else None


def _place(options: Mapping[str, Any], node_dir: str) -> Place:
    return Place.of(os.path.join(node_dir, options["filename"]))


@contextmanager
def _translated_errors(path: str) -> Iterator[None]:
    """Translate errors of the system."""
    try:
        yield
    except OSError as error:
        raise unusable(path, error) from error
