"""Who is at the other end of a Unix socket, by the kernel's word."""

import os
import socket
from struct import Struct

# Process, user and group, as SO_PEERCRED gives them.
_CREDENTIALS = Struct("3i")


def is_trusted(connection: socket.socket) -> bool:
    """Whether it is a process of this user, or of root."""
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(data)
    return uid in (0, os.geteuid())
