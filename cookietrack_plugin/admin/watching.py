"""`cookietrack watch`: what happens in a running node, as it comes."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from selectors import EVENT_READ, DefaultSelector
from socket import socket
from time import monotonic
from typing import Any

import click

from cookietrack_plugin.admin.eventtext import event_text
from cookietrack_plugin.admin.output import json_line, note, print_row
from cookietrack_plugin.admin.params import (
    json_option,
    node_options,
    store_argument,
    the_place,
)
from cookietrack_plugin.admin.place import Place
from cookietrack_plugin.admin.text import printable
from cookietrack_plugin.admin.workersocket import WorkerStore, later_workers, workers_with
from cookietrack_plugin.errors import StoreUnavailable

_READ_BYTES = 65_536
# Between two looks for workers that have started.
_LOOK_S = 1.0


@click.command()
@store_argument
@node_options
@json_option
def watch(store: str | None, transport: str | None, as_json: bool) -> None:
    """
    Print what happens in a running node, as it comes.

    Who is given a cookie, logs in, comes back or is refused; what ends, and by whom: the events of
    the audit log, also where the node writes none. A login is two of them: `login` before its
    session joins, and `authenticated` once it is stored with the cookie. With --json an object a
    line. Workers that start later are found, and those of a node that starts again. It runs until
    Ctrl-C.
    """
    place = the_place(store, transport)
    with closing(_Streams(place)) as streams:
        try:
            for worker, event in streams.events():
                if as_json:
                    print_row(json_line({"worker": worker, **event}))
                else:
                    print_row(printable(event_text(worker, event)))
        except KeyboardInterrupt:
            # The usual end of this command.
            return


class _Streams:
    """The events of a node's workers, of those that start later as well; open until `close`."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._selector = DefaultSelector()

    def close(self) -> None:
        for stream in self._open():
            stream.connection.close()
        self._selector.close()

    def events(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """
        As they come, for ever, with the worker of each.

        :raises StoreUnavailable: no node has the store open, or its workers do not answer.
        """
        directory = self._begin()
        next_look = monotonic() + _LOOK_S
        while True:
            for key, _ in self._selector.select(max(0.0, next_look - monotonic())):
                yield from self._read(key.data)
            if monotonic() >= next_look:
                self._look(directory)
                next_look = monotonic() + _LOOK_S

    def _begin(self) -> str:
        """Watch the workers that are there now; the directory of their node."""
        with workers_with(self._place) as workers:
            if not workers:
                raise StoreUnavailable(
                    f"no running node has {self._place.label} open: name its node directory, and"
                    " start the node"
                )
            for worker in workers:
                self._add(worker)
            return workers[0].directory

    def _look(self, directory: str) -> None:
        """Watch the workers that have come since."""
        known = {stream.worker for stream in self._open()}
        for worker in later_workers(self._place, directory, known):
            # One that stops now, or whose store is away, is found again by another look.
            with suppress(StoreUnavailable):
                self._add(worker)
                note(f"watching {worker.worker}")

    def _read(self, stream: "_Stream") -> Iterator[tuple[str, Mapping[str, Any]]]:
        events = stream.read()
        if events is None:
            self._drop(stream)
        for event in events or ():
            yield stream.worker, event

    def _add(self, worker: WorkerStore) -> None:
        stream = _Stream(worker.worker, worker.watch())
        self._selector.register(stream.connection, EVENT_READ, stream)

    def _drop(self, stream: "_Stream") -> None:
        self._selector.unregister(stream.connection)
        stream.connection.close()
        note(f"{stream.worker} has stopped")
        if not self._open():
            note("the node has stopped: waiting until it starts again")

    def _open(self) -> list["_Stream"]:
        return [key.data for key in self._selector.get_map().values()]


class _Stream:
    """The events of one worker, from a connection."""

    def __init__(self, worker: str, connection: socket) -> None:
        self.worker = worker
        self.connection = connection
        self._rest = b""

    def read(self) -> list[Mapping[str, Any]] | None:
        """What has come; None at the end."""
        try:
            data = self.connection.recv(_READ_BYTES)
        except ConnectionError:
            data = b""
        if not data:
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        return list(map(json.loads, lines))
