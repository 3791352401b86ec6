"""The command as a process that something may kill: somebody is left to say what it was."""

import os
import pty
import signal
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import psutil
import pytest

from cookietrack_plugin.admin.pulse import Pulse
from servers.process import has_ended
from tests.admin.conftest import JOE, PACKAGES, make_cookie
from tests.support.node import wait_for

PROGRAM = str(Path(sys.executable).parent / "cookietrack")
# The program with less patience, given as the first word.
IMPATIENT = [
    sys.executable,
    "-c",
    "import sys; from cookietrack_plugin.admin import supervisor\n"
    "supervisor._PATIENCE_S, supervisor._MULTIPLE = float(sys.argv.pop(1)), 0\n"
    "from cookietrack_plugin.admin.cli import main; main(prog_name='cookietrack')",
]
# The program that gives its child half a second to clear up.
HASTY = [
    sys.executable,
    "-c",
    "from cookietrack_plugin.admin import supervisor\n"
    "supervisor._GRACE_S = 0.5\n"
    "from cookietrack_plugin.admin.cli import main; main(prog_name='cookietrack')",
]
COOKIES = [make_cookie(f"c{n}", JOE) for n in range(3_000)]
# Processor time of a child that only a call of C can take once it has said that it is ready.
LOOPING_S = 0.3


@pytest.fixture(autouse=True)
def lethal(here, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(PACKAGES / "lethal"))
    monkeypatch.setenv("READY", str(here / "ready"))


def cookietrack(*words, program=(PROGRAM,), **more):
    command = [*program, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **more)


def words_for(command, name):
    more = {"backup": ["backup.jsonl"], "migrate": ["lmdb:new"]}.get(command[0], [])
    return [*command, name, *more]


# Each signal with one command, each command with one signal.
@pytest.mark.parametrize(
    ("command", "name"),
    [
        *product([["verify"]], ["SIGBUS", "SIGSEGV", "SIGABRT"]),
        (["ls"], "SIGSEGV"),
        (["stat"], "SIGABRT"),
        (["backup"], "SIGBUS"),
        (["migrate"], "SIGBUS"),
    ],
    ids=lambda each: each[0] if isinstance(each, list) else each,
)
def test_what_kills_the_command_is_damage_in_one_line(here, command, name):
    answer = cookietrack(*words_for(command, f"lethal:{name}"))
    assert (answer.returncode, answer.stdout) == (4, "")
    [line] = answer.stderr.splitlines()
    assert line.startswith(f"Error: lethal:{name} ")
    assert " is damaged: the process that worked on it died of" in line
    assert name in line
    assert "`cookietrack verify --repair` may mend it" in line
    assert not (here / "backup.jsonl").exists()


def test_want_of_memory_is_no_damage():
    answer = cookietrack("ls", "lethal:SIGKILL")
    assert (answer.returncode, answer.stdout) == (137, "")
    assert "killed (SIGKILL)" in answer.stderr


@pytest.mark.parametrize("command", ["verify", "backup", "migrate"])
def test_a_reading_that_does_not_come_to_an_end_is_ended(command):
    answer = cookietrack("0.5", *words_for([command], "lethal:loop"), program=IMPATIENT)
    if command == "backup":
        # It asks for the size first, of which nobody can say how long it may take.
        return
    assert (answer.returncode, answer.stdout) == (4, "")
    [line] = answer.stderr.splitlines()
    assert line.startswith("Error: lethal:loop ")
    assert "is damaged: reading it does not come to an end" in line


def test_who_only_waits_does_not_stand_still(here):
    command = [*IMPATIENT, "1.0", "verify", "lethal:wait"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        wait_for((here / "ready").exists, "the reading")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(3)
        process.terminate()
    assert process.returncode == -signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_the_signal_for_the_command_ends_its_child_too(here, number):
    with subprocess.Popen([PROGRAM, "ls", "lethal:wait"]) as process:
        wait_for((here / "ready").exists, "the reading")
        [child] = psutil.Process(process.pid).children()
        process.send_signal(number)
    assert process.returncode == -number
    wait_for(lambda: has_ended(child), "the child's end")


def test_ctrl_c_ends_the_command_as_before(here):
    process, terminal = on_terminal(PROGRAM, "ls", "lethal:wait")
    wait_for((here / "ready").exists, "the reading")
    os.write(terminal, b"\3")
    assert process.wait(30) == 1
    assert "Aborted!" in read(terminal)


def test_ctrl_c_twice_ends_what_does_not_hear_it(here):
    process, terminal = on_terminal(PROGRAM, "ls", "lethal:loop")
    wait_for_loop(here, process)
    for _ in range(2):
        os.write(terminal, b"\3")
        time.sleep(0.2)
    process.wait(30)
    assert process.returncode != 0


def wait_for_loop(here, process):
    """Until its child is within the call that does not return."""
    wait_for((here / "ready").exists, "the loop")
    [child] = psutil.Process(process.pid).children()
    before = child.cpu_times().user
    wait_for(lambda: child.cpu_times().user - before > LOOPING_S, "it loops")


def on_terminal(*command):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0),
    )
    os.close(theirs)
    return process, ours


def read(terminal):
    written = b""
    try:
        while data := os.read(terminal, 65536):
            written += data
    except OSError:
        pass
    os.close(terminal)
    return written.decode()


def test_a_reader_that_goes_away_ends_the_command_quietly(stores):
    stores.make("lmdb:x", COOKIES)
    process = subprocess.Popen(
        [PROGRAM, "ls", "lmdb:x", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


def test_exit_codes_output_and_input_are_those_of_the_command(stores):
    stores.make("lmdb:x", COOKIES[:2])
    assert len(cookietrack("ls", "lmdb:x", "--json").stdout.splitlines()) == 2
    assert cookietrack("ls", "lmdb:nowhere").returncode == 3
    assert cookietrack("ls", "--nonsense").returncode == 2
    assert cookietrack("revoke", "lmdb:x", "--all", input="y\n").returncode == 2


def test_the_label_that_is_told_has_no_power_over_the_terminal():
    answer = cookietrack("ls", "lethal:SIG\x1b[2J")
    assert "\x1b" not in answer.stderr


def test_a_pulse_keeps_what_it_was_told():
    pulse = Pulse()
    assert (pulse.beats, pulse.label, pulse.is_expected) == (0, "", False)
    with pulse.naming("lmdb:/r\u00e9al"), pulse.expected():
        pulse.beat()
        assert (pulse.label, pulse.is_expected) == ("lmdb:/r\u00e9al", True)
        with pulse.naming("x" * 100_000):
            pulse.beat()
            assert pulse.label.startswith("lmdb:/r\u00e9al or xxx")
        assert pulse.label == "lmdb:/r\u00e9al"
    assert (pulse.beats, pulse.label, pulse.is_expected) == (2, "", False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_does_not_hear_the_signal_is_ended_after_a_while(here, number):
    """Within a call of C no handler of Python's runs."""
    with subprocess.Popen([*HASTY, "verify", "lethal:loop"]) as process:
        wait_for_loop(here, process)
        process.send_signal(number)
    assert process.returncode == -number


def test_who_is_not_to_hear_a_hangup_goes_on(here):
    with subprocess.Popen(["nohup", PROGRAM, "ls", "lethal:wait"]) as process:
        wait_for((here / "ready").exists, "the reading")
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)
        process.terminate()
    assert process.returncode == -signal.SIGTERM


# -- LMDB itself -----------------------------------------------------------------------------------

PAGE = 4096


def leaves(data):
    """The offsets of the leaf pages."""
    return [at for at in range(2 * PAGE, len(data), PAGE) if data[at + 10] & 0x02 and data[at + 12]]


def pointers(data, at):
    """Nodes that lie far behind the end of the file."""
    for n in range(16, PAGE // 2, 2):
        data[at + n : at + n + 2] = b"\xff\xff"


def half(data, at):
    data[at + PAGE // 2 : at + PAGE] = bytes(PAGE // 2)


def header(data, at):
    data[at + 10 : at + 16] = b"\xff" * 6


def zeros(data, at):
    data[at : at + PAGE] = bytes(PAGE)


# Each way with the one that looks at every page, each command with one way.
@pytest.mark.parametrize(
    ("command", "damage"),
    [
        *product([["verify"]], [pointers, half, header, zeros]),
        (["ls"], pointers),
        (["stat"], header),
        (["backup"], half),
        (["migrate"], zeros),
    ],
    ids=lambda each: each[0] if isinstance(each, list) else each.__name__,
)
def test_a_damaged_lmdb_is_never_more_than_a_line_and_a_code(here, stores, command, damage):
    stores.make("lmdb:x", COOKIES)
    path = here / "x" / "data.mdb"
    data = bytearray(path.read_bytes())
    for at in leaves(data)[::3]:
        damage(data, at)
    path.write_bytes(data)
    answer = cookietrack("5", *words_for(command, "lmdb:x"), program=IMPATIENT)
    assert answer.returncode in (0, 1, 3, 4), answer.stderr
    assert "Traceback" not in answer.stderr
    errors = [line for line in answer.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == (answer.returncode in (3, 4))
    if command == ["verify"]:
        assert answer.returncode != 0


# The program whose repair of an LMDB environment does not come to its end.
ENDLESS = [
    sys.executable,
    "-c",
    "import os, time; from cookietrack_plugin.stores.lmdb import rebuilding\n"
    "def fill(*words): open(os.environ['READY'], 'w').close(); time.sleep(600)\n"
    "rebuilding._fill = fill\n"
    "from cookietrack_plugin.admin.cli import main; main(prog_name='cookietrack')",
]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_repair_that_a_signal_ends_leaves_nothing(here, stores, number):
    stores.make("lmdb:x", COOKIES)
    path = here / "x" / "data.mdb"
    data = bytearray(path.read_bytes())
    # One that no database begins with.
    zeros(data, leaves(data)[50])
    path.write_bytes(data)
    command = [*ENDLESS, "verify", "lmdb:x", "--repair", "--yes"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        wait_for((here / "ready").exists, "the repair")
        assert len(list((here / "x").glob("rebuilt-*"))) == 1
        process.send_signal(number)
        assert process.stderr.read() == b""
    assert process.returncode == -number
    assert list((here / "x").glob("rebuilt-*")) == []
    assert path.read_bytes() == data
