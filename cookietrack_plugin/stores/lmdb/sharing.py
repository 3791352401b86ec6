"""One environment for all stores of this process that lie in one directory."""

import fcntl
import os
from contextlib import ExitStack
from threading import Lock

from attrs import define

from cookietrack_plugin.stores.kit.options import wrong_option
from cookietrack_plugin.stores.lmdb.child import ChildWriterEnvironment
from cookietrack_plugin.stores.lmdb.environment import Environment
from cookietrack_plugin.stores.lmdb.files import DATA_FILE, telling_of
from cookietrack_plugin.stores.lmdb.tables import Tables

# What a file is, by any path that leads to it.
_Identity = tuple[int, int]


@define
class _Use:
    environment: Environment
    # Each process that has a store in it open locks the directory: shared, or alone to empty it.
    directory: int
    stores: int = 0


_uses: dict[_Identity, _Use] = {}
_lock = Lock()


def acquire(path: str, maxsize: int, sync: bool, purge: bool, apart: bool) -> Environment:
    """
    The environment in the directory `path`, opened unless this process has it open already. To be
    given back by `release`.

    :param purge: empty it, unless somebody has it open: the start that this is meant for is over.
    :param apart: write it in a process of its own.
    :raises ConfigError: this process has it open with another `sync` or `writer_process`.
    :raises StoreCorrupt, StoreUnavailable: see `open_environment`.
    """
    with _lock, telling_of(path):
        os.makedirs(path, mode=0o700, exist_ok=True)
        use = _uses.get(_identity(path))
        if use is None:
            use = _open(
                ChildWriterEnvironment if apart else Environment, path, maxsize, sync, purge
            )
            _uses[_identity(path)] = use
        _check("sync", use.environment.sync, sync)
        _check("writer_process", isinstance(use.environment, ChildWriterEnvironment), apart)
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


def _identity(path: str) -> _Identity:
    """(0, 0), which no file has, where there is none."""
    try:
        found = os.stat(os.path.join(path, DATA_FILE))
    except FileNotFoundError:
        return 0, 0
    return found.st_dev, found.st_ino


def _check(option: str, used: bool, wanted: bool) -> None:
    if used != wanted:
        allowed = f"{used}, as in another store item of this path"
        raise wrong_option(option, wanted, allowed.lower())


def _open(kind: type[Environment], path: str, maxsize: int, sync: bool, purge: bool) -> _Use:
    with ExitStack() as undo:
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        undo.callback(os.close, directory)
        alone = purge and _lock_alone(directory)
        if not alone:
            fcntl.flock(directory, fcntl.LOCK_SH)
        environment = kind(path, maxsize, sync)
        undo.callback(environment.close)
        _keep_names(path, directory)
        if alone:
            environment.write(maxsize, True, Tables.clear)
            fcntl.flock(directory, fcntl.LOCK_SH)
        undo.pop_all()
    return _Use(environment, directory)


def _lock_alone(directory: int) -> bool:
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _keep_names(path: str, directory: int) -> None:
    """Files that are new here, and a directory that is new itself, survive a power cut."""
    os.fsync(directory)
    parent = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)
