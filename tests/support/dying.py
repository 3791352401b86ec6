"""In the place of the process that examines an lmdb store: it finds something, and dies."""

import pickle
import signal
import sys
from socket import socket

from cookietrack_plugin.stores.child.channel import Channel


def main() -> None:
    with socket(fileno=int(sys.argv[1])) as end:
        channel = Channel(end)
        channel.receive()
        channel.send(pickle.dumps((["something"], "the records, from 00ff on", False)))
        signal.raise_signal(signal.SIGBUS)


if __name__ == "__main__":
    main()
