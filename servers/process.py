"""A real server that is started in a folder of its own, stalled, killed and restarted."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from glob import glob
from pathlib import Path
from typing import Any, Protocol, TypeVar

import psutil

from servers.patience import wait_for

# What a server has written survives its end there, and no test cuts the power.
IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
# Where Debian keeps what is not in everybody's PATH.
FOLDERS = ("/usr/sbin", "/usr/lib/postgresql/*/bin", "/usr/local/sbin")


class NotInstalled(RuntimeError):
    """A server's program is missing: with the package that has it."""


def program(name: str, package: str) -> str:
    """
    The path of a server's program.

    :raises NotInstalled: there is none.
    """
    places = [place for folder in FOLDERS for place in sorted(glob(f"{folder}/{name}"))]
    found = shutil.which(name) or (places[-1] if places else None)
    if not found:
        raise NotInstalled(f"{name} is not installed (Debian's package: {package})")
    return found


def account(*names: str) -> str | None:
    """The first of these accounts that exists, for servers that refuse root; None if we are not."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in (*names, "nobody") if name in known)


def new_folder(name: str, owner: str | None) -> Path:
    """A folder that `owner` reaches too, which pytest's own are not. Short: sockets go in here."""
    folder = Path(tempfile.mkdtemp(prefix=f"cookietrack-{name}-", dir=IN_MEMORY))
    if owner:
        shutil.chown(folder, owner, pwd.getpwnam(owner).pw_gid)
    return folder


def as_owner(owner: str | None, command: Sequence[str]) -> list[str]:
    """`command`, run by `owner` and with no privilege of root."""
    if owner is None:
        return list(command)
    ids = pwd.getpwnam(owner)
    user = [f"--reuid={ids.pw_uid}", f"--regid={ids.pw_gid}", "--clear-groups"]
    return [program("setpriv", "util-linux"), *user, *command]


class ServerProcess:
    """
    The process, and whatever it forks.

    :param ready: asked until it gives true; exceptions count as false.
    """

    #: Ends it in order without waiting for its clients.
    stop_signal = signal.SIGTERM

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        ready: Callable[[], Any],
        owner: str | None = None,
    ) -> None:
        self.folder = folder
        self._name = name
        self._command = as_owner(owner, command)
        self._ready = ready
        self._log = folder / "server.log"
        self._process: psutil.Popen | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = psutil.Popen(self._command, cwd=self.folder, stdout=log, stderr=log)
        wait_for(self._answers, f"{self._name} does not answer: {self.log()}")

    def stop(self) -> None:
        """End it in order. Idempotent."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """`kill -9` for all of it."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        """SIGSTOP for all of it, back when all of it stands still: sockets stay open."""
        wait_for(lambda: all(map(_is_still, self._processes())), f"{self._name} goes on")

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nobody answers until the end of the block, however that ends."""
        try:
            self.pause()
            yield
        finally:
            self.resume()

    def resume(self) -> None:
        for process in self._processes():
            # What a server forks for a client may end by itself at any moment.
            with suppress(psutil.NoSuchProcess):
                process.resume()

    def has_ended(self) -> bool:
        """Whether it has, by itself."""
        return self._process is not None and self._process.poll() is not None

    def destroy(self) -> None:
        """End it, and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self, characters: int = 4000) -> str:
        """The end of it."""
        return self._log.read_text(errors="replace")[-characters:] if self._log.exists() else ""

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"{self._name} ended: {self.log()}"
        try:
            return bool(self._ready())
        except Exception:  # noqa: BLE001 - it is not up yet
            return False

    def _processes(self) -> list[psutil.Process]:
        if self._process is None or not self._process.is_running():
            return []
        return [self._process, *self._process.children(recursive=True)]

    def _end(self, number: signal.Signals) -> None:
        self.resume()
        processes = self._processes()
        for process in processes if number == signal.SIGKILL else processes[:1]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        _, alive = psutil.wait_procs(processes, timeout=30)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if self._process is not None:
            self._process.wait()
        self._process = None


def _is_still(process: psutil.Process) -> bool:
    """Send it SIGSTOP: whether all its threads have stopped. They do so one after the other."""
    with suppress(psutil.NoSuchProcess):
        process.suspend()
    return _states(process.pid) <= {"T", "Z", "X"}


def _states(pid: int) -> set[str]:
    """In which states the threads of a process are (proc(5), /proc/pid/stat); none if it ended."""
    states = set()
    for thread in Path(f"/proc/{pid}/task").glob("*/stat"):
        with suppress(OSError):
            states.add(thread.read_text().rpartition(")")[2].split()[0])
    return states


def run(command: Sequence[str], owner: str | None, **options: Any) -> None:
    """Run a server's own tool to its end."""
    done = subprocess.run(
        as_owner(owner, command), capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


class Startable(Protocol):
    def start(self) -> None: ...
    def destroy(self) -> None: ...


S = TypeVar("S", bound=Startable)


@contextmanager
def running(server: S) -> Iterator[S]:
    """Start `server`; end it, and remove its folder, whatever happens."""
    try:
        server.start()
        yield server
    finally:
        server.destroy()


def has_ended(process: psutil.Process) -> bool:
    """Whether a process has ended, be it that the one that adopted it has not reaped it yet."""
    try:
        return not process.is_running() or bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
