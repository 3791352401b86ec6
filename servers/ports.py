"""
TCP ports for the servers that tests and benchmarks start.

Below those that Linux hands out for outgoing connections (32768 and up, ip_local_port_range):
of those, one that is free now may belong to anybody's connection by the time a server listens.
"""

import os
import random
import socket
from itertools import count

FIRST, PER_PROCESS = 12_000, 1_000
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 20
# Tests that run side by side have ports of their own; those of another run start elsewhere.
_candidates = (
    FIRST + WORKER * PER_PROCESS + number % PER_PROCESS
    for number in count(random.randrange(PER_PROCESS))
)


def free_port() -> int:
    """A TCP port that nobody listens on, and that was not given to another test."""
    return next(filter(is_free, _candidates))


def is_free(port: int) -> bool:
    """Whether a server could listen on a TCP port."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
