"""One environment for all stores of this process in one directory."""

import fcntl
import os
from collections.abc import Callable
from contextlib import ExitStack
from threading import Lock

from attrs import define, frozen

from cookietrack_plugin.errors import StoreFull, StoreUnavailable
from cookietrack_plugin.stores.kit.files import flush_directory
from cookietrack_plugin.stores.kit.options import wrong_option
from cookietrack_plugin.stores.lmdb import creation
from cookietrack_plugin.stores.lmdb.child import ChildWriterEnvironment
from cookietrack_plugin.stores.lmdb.environment import FIRST_MAP, Environment
from cookietrack_plugin.stores.lmdb.files import emptied, telling_of
from cookietrack_plugin.stores.lmdb.layout import DamagedPage
from cookietrack_plugin.stores.lmdb.place import DATA_FILE, LOCK_FILE
from cookietrack_plugin.stores.lmdb.rebuilding import rebuild
from cookietrack_plugin.stores.lmdb.tables import Tables

# A file's device and inode, the same by every path to it.
_Identity = tuple[int, int]


@frozen
class Opening:
    """
    How a store is opened: `purge` to empty it, unless another process has it open; `apart` to write
    it in a process of its own; `reads` to do nothing but read.
    """

    path: str
    maxsize: int
    sync: bool
    purge: bool
    apart: bool
    reads: bool


@define
class _Use:
    environment: Environment
    # Each process that has a store in it open locks the directory: shared, or exclusively to empty
    # it.
    directory: int
    stores: int = 0


_uses: dict[_Identity, _Use] = {}
_lock = Lock()


def acquire(opening: Opening) -> Environment:
    """
    The environment in the directory `opening.path`, opened unless this process has it open already.
    To be given back by `release`.

    :raises ConfigError: this process has it open with another `sync` or `writer_process`, or its
        files are not of this directory alone.
    :raises StoreCorrupt, StoreUnavailable: see `open_environment`.
    """
    path = opening.path
    with _lock, telling_of(path):
        if not opening.reads:
            os.makedirs(path, mode=0o700, exist_ok=True)
        creation.check_files(path)
        use = _uses.get(_identity(path))
        if use is None:
            _check_lock_file(path)
            use = _open(opening)
            _uses[_identity(path)] = use
        _check("sync", use.environment.sync, opening.sync)
        apart = isinstance(use.environment, ChildWriterEnvironment)
        _check("writer_process", apart, opening.apart)
        if not opening.reads:
            fcntl.flock(use.directory, fcntl.LOCK_SH)
        use.stores += 1
        return use.environment


def release(environment: Environment) -> None:
    """Give back what `acquire` gave; the last to do so closes it."""
    with _lock:
        [(identity, use)] = [item for item in _uses.items() if item[1].environment is environment]
        use.stores -= 1
        if not use.stores:
            del _uses[identity]
            try:
                environment.close()
            finally:
                os.close(use.directory)


def rebuild_files(environment: Environment, adopt: Callable[[Environment], object]) -> None:
    """
    Replace the files of an environment that is damaged by what can be read of them.

    :param adopt: is called with the new one, which is to be given to `release` instead of the old
        one; also where the files could not be replaced, and are opened again.
    :raises StoreUnavailable: another process has it open, or it cannot be rebuilt; the files are as
        they were.
    """
    path = environment.path
    with _lock, telling_of(path):
        [(identity, use)] = [item for item in _uses.items() if item[1].environment is environment]
        if use.stores > 1 or not _lock_alone(use.directory):
            fcntl.flock(use.directory, fcntl.LOCK_SH)
            raise StoreUnavailable(
                f"pages of {path} are damaged, and other processes have it open: it can be repaired"
                " when the node is stopped"
            )
        environment.close()
        try:
            rebuild(path)
        except (DamagedPage, StoreFull) as error:
            raise StoreUnavailable(f"{path} cannot be rebuilt: {error}") from error
        finally:
            creation.make_lock_file(path)
            use.environment = type(environment)(path, FIRST_MAP, environment.sync)
            del _uses[identity]
            _uses[_identity(path)] = use
            adopt(use.environment)
            fcntl.flock(use.directory, fcntl.LOCK_SH)


def _identity(path: str, name: str = DATA_FILE) -> _Identity:
    """(0, 0), which no file has, where there is none."""
    try:
        found = os.lstat(os.path.join(path, name))
    except FileNotFoundError:
        return 0, 0
    return found.st_dev, found.st_ino


def _check(option: str, used: bool, wanted: bool) -> None:
    if used != wanted:
        allowed = f"{used}, as in another store item of this path"
        raise wrong_option(option, wanted, allowed.lower())


def _check_lock_file(path: str) -> None:
    # Opening the lock file once more, and closing it, would drop LMDB's own locks on it (fcntl(2)).
    for use in _uses.values():
        if _identity(path, LOCK_FILE) in use.environment.place.identity:
            use.environment.place.check()


def _open(opening: Opening) -> _Use:
    path = opening.path
    kind = ChildWriterEnvironment if opening.apart else Environment
    with ExitStack() as undo:
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        undo.callback(os.close, directory)
        alone = False if opening.reads else _prepare(opening, directory)
        creation.make_lock_file(path)
        environment = kind(path, opening.maxsize, opening.sync)
        undo.callback(environment.close)
        if not opening.reads:
            environment.place.make_private()
            _keep_names(path, directory)
        if alone and opening.purge:
            environment.write(opening.maxsize, True, Tables.clear)
        undo.pop_all()
    return _Use(environment, directory)


def _prepare(opening: Opening, directory: int) -> bool:
    """Make the files, and lock the directory; whether no other process has it open."""
    creation.make_files(opening.path)
    unused = creation.was_never_used(opening.path)
    alone = (opening.purge or unused) and _lock_alone(directory)
    if not alone:
        # The process that makes the store holds the lock until it is made.
        fcntl.flock(directory, fcntl.LOCK_SH)
    if creation.was_never_used(opening.path):
        alone = alone or _lock_alone(directory)
        if not alone:
            raise emptied(opening.path)
        creation.empty_unused(opening.path)
    return alone


def _lock_alone(directory: int) -> bool:
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _keep_names(path: str, directory: int) -> None:
    """Flush the directory and its parent: names of new files and directories are durable then."""
    os.fsync(directory)
    flush_directory(os.path.dirname(os.path.abspath(path)))
