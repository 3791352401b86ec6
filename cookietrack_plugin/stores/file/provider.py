"""The `file` store type: its options, and how a store of it is opened."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from zope.interface import implementer

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import ICookieStore, ICookieStoreProvider, IReadOnlyProvider
from cookietrack_plugin.stores.file.loader import check_place, open_file
from cookietrack_plugin.stores.file.lock import FileLock
from cookietrack_plugin.stores.file.snapshot import FileSnapshot
from cookietrack_plugin.stores.file.store import FileStore
from cookietrack_plugin.stores.kit.options import check_options, wrong_option


@implementer(ICookieStoreProvider, IReadOnlyProvider)
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

    def check(self, options: Mapping[str, Any]) -> None:
        optional = {"purge_on_startup": bool, "writer_process": bool}
        check_options(options, required={"filename": str}, optional=optional)
        if "\0" in options["filename"]:
            raise wrong_option("filename", options["filename"], "a path without a NUL character")

    def open(self, options: Mapping[str, Any], node_dir: str) -> FileStore:
        path = _path(options, node_dir)
        with _translated_errors(path):
            lock = FileLock(f"{path}.lock", path)
            try:
                opened = open_file(path, purge=options.get("purge_on_startup", False))
            except BaseException:
                lock.release()
                raise
        return FileStore(path, lock, opened, apart=options.get("writer_process", True))

    def open_readonly(self, options: Mapping[str, Any], node_dir: str) -> ICookieStore:
        path = _path(options, node_dir)
        with _translated_errors(path):
            # Only to learn who has it: a node that starts now must not find it locked by us. A file
            # of Crossbar's has no lock beside it, and is left without one.
            if os.path.exists(f"{path}.lock"):
                FileLock(f"{path}.lock", path).release()
            return FileSnapshot(path)


def _path(options: Mapping[str, Any], node_dir: str) -> str:
    # The lock and the new file belong beside the file, wherever a link to it may lie.
    return os.path.realpath(os.path.join(node_dir, options["filename"]))


@contextmanager
def _translated_errors(path: str) -> Iterator[None]:
    """Errors of the system become ours."""
    try:
        check_place(path)
        yield
    except OSError as error:
        raise StoreUnavailable(f"the cookie file {path}: {error.strerror}") from error
