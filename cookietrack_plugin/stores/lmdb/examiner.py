"""The process that examines a whole environment: LMDB trusts what it reads, and may crash."""

import os
import pickle
import sys
from collections.abc import Iterator
from contextlib import suppress
from socket import socket
from typing import Any

from cookietrack_plugin.errors import CookieTrackError, StoreUnavailable
from cookietrack_plugin.stores.child.channel import Channel
from cookietrack_plugin.stores.child.worker import Child, cause_of_death
from cookietrack_plugin.stores.lmdb.environment import FIRST_MAP, Environment
from cookietrack_plugin.stores.lmdb.place import Identity
from cookietrack_plugin.stores.lmdb.verification import EXAMINATIONS

_MODULE = "cookietrack_plugin.stores.lmdb.examiner"

# The damage in a part of the environment, or what was raised; what is examined; whether it ends.
_Answer = tuple[list[str] | CookieTrackError, str, bool]


def examined(environment: Environment) -> Iterator[str]:
    """The damage in `environment`, a line each, found by a child process that may crash."""
    path = environment.path
    try:
        child = Child.start(_MODULE)
    except OSError as error:
        raise StoreUnavailable(f"no process can be started to read {path}") from error
    ended, doing = False, "the environment"
    try:
        child.channel.send(pickle.dumps((path, environment.sync, environment.place.identity)))
        while not ended:
            found, doing, ended = pickle.loads(child.channel.receive())
            if isinstance(found, CookieTrackError):
                raise found
            yield from found
    except (OSError, EOFError):
        death = cause_of_death(child.end())
        yield f"the process that reads {path} {death} in {doing}: what comes behind is not known"
    finally:
        child.end()


def main() -> None:
    with socket(fileno=int(sys.argv[1])) as end, suppress(EOFError, OSError):
        channel = Channel(end)
        for answer in _answers(*pickle.loads(channel.receive())):
            channel.send(pickle.dumps(answer))


def _answers(path: str, sync: bool, place: Identity) -> Iterator[_Answer]:
    try:
        environment = Environment(path, FIRST_MAP, sync, place)
        try:
            yield from _damage(environment)
        finally:
            environment.close()
    except CookieTrackError as error:
        yield error, "", True


def _damage(environment: Environment) -> Iterator[_Answer]:
    for name, examine in EXAMINATIONS.items():
        start: Any = b""
        while start is not None:
            yield [], f"{name}, from {start.hex() or 'the beginning'} on", False
            found, start = environment.read(examine, start, False)
            yield found, name, False
    yield [], "", True


if __name__ == "__main__":
    os.nice(5)
    main()
