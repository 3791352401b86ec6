"""
A forwarder to a server that counts: `python -m benchmarks.forwarder PORT SECONDS` prints the port
at which it listens, and for each line that it reads what has passed since the last one, as JSON. It
passes everything on SECONDS later.

A round trip is begun by what a client sends after the server has answered, however much it is.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.generator import module

CHUNK = 2**16


class Forwarder:
    """The near end: the process, and what it has counted."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        assert process.stdout is not None
        self.port = int(process.stdout.readline())

    def counted(self) -> dict[str, int]:
        """`round_trips` and `bytes`, both ways, since it was asked before."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        found: dict[str, int] = json.loads(self._process.stdout.readline())
        return found


@contextmanager
def to(port: int, round_trip_s: float = 0.0) -> Iterator[Forwarder]:
    """A forwarder to the server at `port` of this machine, as far away as a round trip takes."""
    with module("benchmarks.forwarder", str(port), str(round_trip_s / 2)) as process:
        yield Forwarder(process)


class Counter:
    """The far end."""

    def __init__(self, port: int, delay_s: float) -> None:
        self._port = port
        self._delay_s = delay_s
        self._round_trips = self._bytes = 0

    async def serve(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps({"round_trips": self._round_trips, "bytes": self._bytes}), flush=True)
            self._round_trips = self._bytes = 0

    async def _accept(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_connection("127.0.0.1", self._port)
        connection = _Connection()
        await asyncio.gather(
            self._pass(client, to_server, connection, True),
            self._pass(server, to_client, connection, False),
        )

    async def _pass(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        connection: "_Connection",
        asks: bool,
    ) -> None:
        loop = asyncio.get_running_loop()
        while data := await source.read(CHUNK):
            self._bytes += len(data)
            self._round_trips += asks and not connection.asked
            connection.asked = asks
            if self._delay_s:
                loop.call_later(self._delay_s, target.write, data)
            else:
                target.write(data)
        loop.call_later(self._delay_s, target.close)


class _Connection:
    """`asked`: the client has sent something that the server has not answered."""

    asked = False


if __name__ == "__main__":
    asyncio.run(Counter(int(sys.argv[1]), float(sys.argv[2])).serve())
