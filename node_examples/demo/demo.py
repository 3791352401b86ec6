"""Start the demo's node on a free port, say where its page is, and stop it on Ctrl-C."""

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path

HERE = Path(__file__).resolve().parent
NODE_DIR = HERE / ".crossbar"
LOG = NODE_DIR / "demo.log"
LIBRARY = HERE / "node_modules" / "autobahn-browser" / "autobahn.min.js"
PREFERRED_PORT = "8080"
PORTS_TO_TRY = 50

READY = """
  The demo is at    http://localhost:{port}

  Log in as         alice, password looking-glass
  or as             bob, password can-we-fix-it
  or, an operator,  carol, password keeps-the-keys

  Press Ctrl-C to stop it; start it again and you are still logged in.
  The node's log is {log}
"""
NO_LIBRARY = """\
autobahn-js is missing: the node starts, but its page cannot connect to it.
It comes from npm: install that (Debian: apt install npm), or, if you have it, see above what it
could not do. Then run make demo again."""


def main() -> int:
    port = choose_port(preferred_port())
    if not LIBRARY.exists():
        say(NO_LIBRARY)
    say("Starting the node ...")
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, interrupt)
    node = start(port)
    try:
        if not answers(node, port):
            return failed()
        say(READY.format(port=port, log=os.path.relpath(LOG)))
        return failed() if node.wait() else 0
    except KeyboardInterrupt:
        return 0
    finally:
        stop(node)


def preferred_port() -> int:
    port = os.environ.get("PORT", PREFERRED_PORT)
    if not port.isdecimal() or not 1 <= int(port) <= 65535:
        sys.exit(f"PORT has to be a number from 1 to 65535, not {port!r}")
    return int(port)


def choose_port(preferred: int) -> int:
    """`preferred`, or the next one that is free: then it says so."""
    for port in range(preferred, min(preferred + PORTS_TO_TRY, 65536)):
        if is_free(port):
            if port != preferred:
                say(f"Port {preferred} is taken by another program: using {port} instead.")
            return port
    sys.exit(f"No free port from {preferred} on: choose one with make demo PORT=number")


def is_free(port: int) -> bool:
    """Whether nobody listens at `localhost`, which browsers look up as ::1 first."""
    families = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
    return all(can_bind(family, host, port) for family, host in families)


def can_bind(family: socket.AddressFamily, host: str, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        # A machine without IPv6 has no program there either.
        return error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
    return True


def start(port: int) -> subprocess.Popen[bytes]:
    """The node, in a session of its own: Ctrl-C reaches this program alone, which then ends it."""
    launcher = Path(sys.executable).with_name("crossbar-cookietrack")
    command = [launcher, "start", "--cbdir", NODE_DIR, "--loglevel", "info", "--color", "false"]
    with LOG.open("wb") as log:
        return subprocess.Popen(
            command,
            cwd=HERE,
            env={**os.environ, "PORT": str(port)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def answers(node: subprocess.Popen[bytes], port: int) -> bool:
    """Wait for the page; False when the node ended instead."""
    while node.poll() is None:
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            time.sleep(0.1)
    return False


def failed() -> int:
    say(LOG.read_text(errors="replace")[-4000:])
    say(f"The node ended: the lines above are the last ones of {os.path.relpath(LOG)}")
    return 1


def stop(node: subprocess.Popen[bytes]) -> None:
    """End the node, and wait for it even when Ctrl-C is pressed again."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if node.poll() is None:
        say("Stopping the node ...")
        node.terminate()
    node.wait()


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
