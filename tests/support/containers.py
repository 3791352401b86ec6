"""A container engine's commands, done without one: as the image's user, in a folder."""

import os
import re
import shlex
import signal
import subprocess
from argparse import REMAINDER, ArgumentParser, Namespace
from pathlib import Path

from tests.support.node import BIN
from tests.support.reachable import as_user

# Which programs stand in for those of the image, by the variable that finds them.
PATH = f"{BIN}:/usr/bin:/bin"
MOUNTED = "/node"
ENOUGH_S = 60


def _parser(*flags: str, values: tuple[str, ...] = ()) -> ArgumentParser:
    parser = ArgumentParser(allow_abbrev=False, exit_on_error=False)
    for flag in flags:
        parser.add_argument(flag, action="store_true")
    for value in values:
        parser.add_argument(value)
    parser.add_argument("image")
    parser.add_argument("words", nargs=REMAINDER)
    return parser


PARSERS = {
    "run": _parser(
        *("-d", "-i", "--rm", "--read-only"),
        values=("--name", "--tmpfs", "--entrypoint", "-p", "-v"),
    ),
    "exec": _parser("-i"),
    "stop": _parser(values=("-t",)),
    "restart": _parser(values=("-t",)),
}


class Engine:
    """
    One image, one volume, and one container that runs.

    :param volume: the folder that is mounted at `/node`.
    :param instructions: of the Containerfile, by their words.
    """

    def __init__(self, volume: Path, instructions: dict[str, str]) -> None:
        self._volume = volume
        user, group = map(int, instructions["USER"].split(":"))
        self._entrypoint = _strings(instructions["ENTRYPOINT"])
        self._command = _strings(instructions["CMD"])
        self._running: subprocess.Popen[bytes] | None = None
        # As the image has it: an engine copies that into a new volume.
        for each in (volume, volume / ".crossbar", volume / "web"):
            each.mkdir(0o700)
            os.chown(each, user, group)
        shadow = volume.parent / "shadow"
        shadow.mkdir()
        self._as_user = as_user(user, group, shadow)

    def type(self, line: str, folder: Path) -> str:
        """Do what the line says, typed in `folder`: what it prints, or writes into a file."""
        words, source, target = _redirected(shlex.split(line))
        parsed = PARSERS[words[1]].parse_args(words[2:])
        given = (folder / source).read_text() if source else None
        printed, complained = self._do(words[1], parsed, given)
        if target:
            (folder / target).write_text(printed)
        return printed + complained

    def _do(self, verb: str, parsed: Namespace, given: str | None) -> tuple[str, str]:
        """What it prints, and what it prints on stderr."""
        if verb in ("stop", "restart"):
            assert self.stop() == 1
        if verb == "restart" or (verb == "run" and parsed.d):
            self._start(self._inside([*self._entrypoint, *self._command]))
            return "", ""
        if verb == "stop":
            return "", ""
        if verb == "exec":
            return self._to_its_end(self._inside(parsed.words), given)
        assert parsed.v == f"crossbar:{MOUNTED}"
        entrypoint = [parsed.entrypoint] if parsed.entrypoint else self._entrypoint
        return self._to_its_end(self._inside([*entrypoint, *parsed.words]), given)

    def _inside(self, words: list[str]) -> list[str]:
        """The command as the image's user, with the folder as its volume."""
        place = re.compile(rf"^{MOUNTED}(?=/|$)")
        return [*self._as_user, *(place.sub(str(self._volume), word) for word in words)]

    def _environment(self) -> dict[str, str]:
        return {"PATH": PATH, "HOME": str(self._volume), "PYTHONUNBUFFERED": "1"}

    def _to_its_end(self, command: list[str], given: str | None) -> tuple[str, str]:
        done = subprocess.run(
            command,
            cwd=self._volume,
            env=self._environment(),
            input=given,
            capture_output=True,
            text=True,
            timeout=ENOUGH_S,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout, done.stderr

    def _start(self, command: list[str]) -> None:
        with (self._volume.parent / "node.log").open("ab") as log:
            self._running = subprocess.Popen(
                command, cwd=self._volume, env=self._environment(), stdout=log, stderr=log
            )

    def ended(self) -> bool:
        return self._running is None or self._running.poll() is not None

    def said(self) -> str:
        """What the container that runs has printed."""
        return (self._volume.parent / "node.log").read_text(errors="replace")

    def stop(self) -> int | None:
        """End the container that runs, as `stop` does: its exit code, None where there is none."""
        if self._running is None:
            return None
        self._running.send_signal(signal.SIGTERM)
        code = self._running.wait(ENOUGH_S)
        self._running = None
        return code


def _strings(array: str) -> list[str]:
    """The strings of an array in a Containerfile."""
    return re.findall(r'"([^"]*)"', array)


def _redirected(words: list[str]) -> tuple[list[str], str | None, str | None]:
    """The words without a redirection at their end, the file to read, and the one to write."""
    if words[-2] == "<":
        return words[:-2], words[-1], None
    if words[-2] == ">":
        return words[:-2], None, words[-1]
    return words, None, None
