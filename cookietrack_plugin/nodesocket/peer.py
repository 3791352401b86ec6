"""Who is at the other end of a Unix socket, as the kernel says (SO_PEERCRED)."""

import os
import socket
from struct import Struct

# `struct ucred`: process, user and group (unix(7)).
_CREDENTIALS = Struct("3i")


def is_trusted(connection: socket.socket) -> bool:
    """Whether it is a process of this user, or of root."""
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(data)
    return uid in (0, os.geteuid())
