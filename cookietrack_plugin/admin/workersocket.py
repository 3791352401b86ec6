"""The workers of a running node, as the command asks them through their sockets."""

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from io import RawIOBase
from socket import socket
from typing import IO, Any

from attrs import field, frozen

from cookietrack_plugin.admin.node import default_directory
from cookietrack_plugin.admin.place import Place
from cookietrack_plugin.config.sharing import store_digest
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.nodesocket.folder import FOLDER, SocketFolder
from cookietrack_plugin.nodesocket.wire import ANSWER_S, WrongRequest, as_line, error_of, read_line

# A worker gives up first, and says so.
_PATIENCE_S = ANSWER_S + 5
# For the first request: a worker that hangs must not keep every command waiting.
_FIRST_PATIENCE_S = 5.0
# The same, where the events of other workers wait for it.
_LATER_PATIENCE_S = 1.0
# The longest answer is a page of records, each with its authextra.
_MAX_ANSWER_BYTES = 2**29


@frozen
class WorkerStore:
    """
    A store that a worker has open. `worker`: its id. `digest`: the name of the store there.
    `verifiable`: whether it can find damage.
    """

    folder: SocketFolder = field(repr=False)
    worker: str
    digest: str
    verifiable: bool

    def ask(self, name: str, **request: Any) -> Mapping[str, Any]:
        """
        The answer to a request.

        :raises CookieTrackError: what the store has raised there; `StoreUnavailable` where the
            worker does not answer.
        :raises ValueError: it takes the request for a wrong one.
        """
        return ask(self.folder, self.worker, {"do": name, "store": self.digest, **request})

    @property
    def directory(self) -> str:
        """Of the node."""
        return os.path.dirname(self.folder.path)

    def watch(self) -> socket:
        """
        A connection from which events can be read, a line each.

        :raises StoreUnavailable: the worker does not answer, or its store is away.
        """
        with ExitStack() as undo, _failing(self.worker):
            connection = self.folder.connect(self.worker, _FIRST_PATIENCE_S)
            undo.callback(connection.close)
            connection.sendall(as_line({"do": "watch", "store": self.digest}))
            # Without a buffer, which would take events with it.
            with connection.makefile("rb", buffering=0) as answers:
                _raise_error_of(read_answer(answers, self.worker))
            undo.pop_all()
            return connection


def ask(
    folder: SocketFolder,
    worker: str,
    request: Mapping[str, Any],
    patience_s: float = _PATIENCE_S,
) -> Mapping[str, Any]:
    """See `WorkerStore.ask`."""
    with _failing(worker), folder.connect(worker, patience_s) as connection:
        connection.sendall(as_line(request))
        with connection.makefile("rb") as answers:
            answer = read_answer(answers, worker)
    _raise_error_of(answer)
    return answer


def _raise_error_of(answer: Mapping[str, Any]) -> None:
    if (error := error_of(answer)) is not None:
        raise error


def read_answer(answers: IO[bytes] | RawIOBase, worker: str) -> Mapping[str, Any]:
    """
    The next line.

    :raises StoreUnavailable: there is none, not all of it, or it is no message.
    """
    line = answers.readline(_MAX_ANSWER_BYTES)
    if not line.endswith(b"\n"):
        raise StoreUnavailable(f"{worker} stopped before it answered")
    try:
        return read_line(line)
    except WrongRequest as error:
        raise _unlike(worker) from error


@contextmanager
def workers_with(place: Place) -> Iterator[list[WorkerStore]]:
    """
    The workers that have a store open: those of the node that it was named by, or of one around
    its place. None where no node runs.

    :raises StoreUnavailable: they are another user's, or do not answer.
    """
    with ExitStack() as undo:
        for directory in _directories(place):
            if (folder := _folder(directory, place)) is None:
                continue
            undo.callback(folder.close)
            if found := list(_holders(folder, place)):
                yield found
                return
        yield []


def later_workers(place: Place, directory: str, known: Collection[str]) -> Iterator[WorkerStore]:
    """
    The workers of the node in `directory` that have a store open by now, but for those with the
    ids `known`. Each can be asked until the next is taken. One that does not answer is left out.

    :raises StoreUnavailable: they are another user's.
    """
    if (folder := _folder(directory, place)) is None:
        return
    with closing(folder):
        for worker in folder.workers():
            if worker not in known:
                with suppress(StoreUnavailable):
                    yield from _stores_of(folder, worker, place, _LATER_PATIENCE_S)


def _directories(place: Place) -> list[str]:
    """Where the node may be, the likeliest first."""
    named = [] if place.node is None else [place.node.directory]
    if place.node is not None and place.transports:
        return named
    found = [*named, *_above(place.disk_path)]
    with suppress(OSError):
        found.append(os.path.realpath(default_directory()))
    return list(dict.fromkeys(found))


def _above(path: str | None) -> Iterator[str]:
    """The directories in which the store lies, the nearest first, and no other file system's."""
    if path is None:
        return
    directory = os.path.dirname(os.path.realpath(path))
    while True:
        yield directory
        if os.path.ismount(directory):
            return
        directory = os.path.dirname(directory)


def _holders(folder: SocketFolder, place: Place) -> Iterator[WorkerStore]:
    for worker in folder.workers():
        with suppress(_HasGone):
            yield from _stores_of(folder, worker, place, _FIRST_PATIENCE_S)


def _stores_of(
    folder: SocketFolder, worker: str, place: Place, patience_s: float
) -> Iterator[WorkerStore]:
    answer = ask(folder, worker, {"do": "stores"}, patience_s)
    try:
        found = [store for store in answer["stores"] if _is(store, place)]
        yield from [
            WorkerStore(folder, worker, each["store"], each["verifiable"]) for each in found
        ]
    except (LookupError, TypeError) as error:
        raise _unlike(worker) from error


def _unlike(worker: str) -> StoreUnavailable:
    return StoreUnavailable(f"{worker} answers as no worker of a node does")


def _is(store: Mapping[str, Any], place: Place) -> bool:
    if store["store"] == store_digest(place.options):
        return True
    # The same store under another name, or with other options.
    path = store["path"]
    return path is not None and os.path.realpath(path) == place.identity


class _HasGone(StoreUnavailable):
    """Nobody listens at its socket."""


@contextmanager
def _failing(worker: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise _HasGone(f"{worker} is no longer running") from error
    except TimeoutError as error:
        raise StoreUnavailable(f"{worker} does not answer") from error
    except OSError as error:
        raise StoreUnavailable(f"{worker} cannot be asked: {error.strerror}") from error


def _folder(directory: str, place: Place) -> SocketFolder | None:
    try:
        return SocketFolder.find(directory)
    except OSError as error:
        if place.node is None:
            # Nobody has named this directory.
            return None
        raise StoreUnavailable(
            f"the sockets of the node in {os.path.join(directory, FOLDER)} cannot be used:"
            f" {error.strerror}. Run the command as the user of the node"
        ) from error
