"""`cookietrack watch`: what happens in a running node, as it comes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from selectors import EVENT_READ, DefaultSelector
from socket import socket
from typing import Any

import click

from cookietrack_plugin.admin.output import json_line, note, print_row
from cookietrack_plugin.admin.params import (
    json_option,
    store_argument,
    the_place,
    transport_option,
)
from cookietrack_plugin.admin.text import counted, printable
from cookietrack_plugin.admin.workersocket import WorkerStore, workers_with
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.nodesocket.wire import error_of

_READ_BYTES = 65_536


@click.command()
@store_argument
@transport_option
@json_option
def watch(store: str | None, transport: str | None, as_json: bool) -> None:
    """
    Print what happens in a running node, as it comes.

    Who is given a cookie, logs in, comes back or is refused; what ends, and by whom: the events of
    the audit log, also where the node writes none. With --json an object a line. It runs until
    Ctrl-C, or until the node stops.
    """
    place = the_place(store, transport)
    with workers_with(place) as workers, ExitStack() as undo:
        if not workers:
            raise StoreUnavailable(
                f"no running node has {place.label} open: name its node directory, and start the"
                " node"
            )
        streams = [undo.enter_context(_Stream(worker)) for worker in workers]
        try:
            for worker, event in _events(streams):
                if as_json:
                    print_row(json_line({"worker": worker, **event}))
                else:
                    print_row(printable(_as_text(worker, event)))
        except KeyboardInterrupt:
            # The usual end of this command.
            return
    note("the node has stopped")


class _Stream:
    """The events of one worker: a context manager that closes the connection."""

    def __init__(self, worker: WorkerStore) -> None:
        self.worker = worker.worker
        self.connection: socket = worker.watch()
        self._rest = b""

    def __enter__(self) -> "_Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def read(self) -> list[Mapping[str, Any]] | None:
        """What has come, but for the answer to the request; None at the end."""
        try:
            data = self.connection.recv(_READ_BYTES)
        except ConnectionError:
            data = b""
        if not data:
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        found = list(map(json.loads, lines))
        for each in found:
            if (error := error_of(each)) is not None:
                raise error
        return [each for each in found if "watching" not in each]


def _events(streams: Sequence[_Stream]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """As they come, until the last worker has stopped."""
    with DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream.connection, EVENT_READ, stream)
        while selector.get_map():
            for key, _ in selector.select():
                stream = key.data
                events = stream.read()
                if events is None:
                    selector.unregister(stream.connection)
                for event in events or ():
                    yield stream.worker, event


def _as_text(worker: str, event: Mapping[str, Any]) -> str:
    if "missed" in event:
        return f"{worker}: {counted(event['missed'], 'event')} missed: this reads too slowly"
    when = datetime.fromisoformat(event["time"]).astimezone()
    words = [f"{when:%H:%M:%S}", worker, f"{event['event']:13}", *_subject(event), *_cause(event)]
    return " ".join(words)


def _subject(event: Mapping[str, Any]) -> Iterator[str]:
    yield event["authid"] or "-"
    if event["authrealm"]:
        yield f"in {event['authrealm']}"
    if event["id"]:
        yield f"cookie {event['id']}"
    if event["peer"]:
        yield f"from {event['peer']}"


def _cause(event: Mapping[str, Any]) -> Iterator[str]:
    if event["by"]:
        yield f"by {event['by']}" + (f" {event['by_authid']}" if event["by_authid"] else "")
    if event["reason"]:
        yield f"({event['reason']})"
