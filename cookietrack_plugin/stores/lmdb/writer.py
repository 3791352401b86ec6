"""The process that writes an environment for a worker: see `child`."""

import os
import pickle
import sys
import traceback
from contextlib import suppress
from socket import socket
from typing import Any

from cookietrack_plugin.errors import CookieTrackError
from cookietrack_plugin.stores.child.channel import Channel
from cookietrack_plugin.stores.lmdb.environment import Environment, Work
from cookietrack_plugin.stores.lmdb.files import telling_of
from cookietrack_plugin.stores.lmdb.place import Identity


def main() -> None:
    # When the other end has ended there is nobody to answer.
    with socket(fileno=int(sys.argv[1])) as end, suppress(EOFError, OSError):
        serve(Channel(end))


class ChildEnvironment(Environment):
    """
    Writes for the process `parent`, which started this one, as long as that lives. A process that
    opens the store after its death waits for the current transaction, and no other one follows.
    """

    def __init__(
        self, parent: int, path: str, maxsize: int, sync: bool, place: Identity | None
    ) -> None:
        self._parent = parent
        super().__init__(path, maxsize, sync, place)

    def _transact(self, limit: int, frees: bool, work: Work, args: Any) -> Any:
        if os.getppid() != self._parent:
            raise EOFError("the process that this one writes for has ended")
        return super()._transact(limit, frees, work, args)


def serve(channel: Channel) -> None:
    """
    Open the environment that the first message names, and do what the others ask. Each is answered
    with whether it was done, and its result or its error; one that cannot be opened ends it.

    :raises EOFError, OSError: the other end has closed, or its process has ended.
    """
    parent, path, *rest = pickle.loads(channel.receive())
    try:
        with telling_of(path):
            environment = ChildEnvironment(parent, path, *rest)
    except CookieTrackError as error:
        channel.send(pickle.dumps((False, error)))
        return
    channel.send(pickle.dumps((True, None)))
    try:
        while True:
            request = pickle.loads(channel.receive())
            channel.send(pickle.dumps(_answer(environment, *request)))
    finally:
        environment.close()


def _answer(environment: Environment, maxsize: int, frees: bool, work: Any, args: Any) -> Any:
    try:
        return True, environment.write(maxsize, frees, work, *args)
    except EOFError:
        raise
    except (CookieTrackError, ValueError) as error:
        return False, error
    except Exception as error:  # noqa: BLE001 - it is raised again where it was asked for
        traceback.print_exc()
        return False, error


if __name__ == "__main__":
    main()
