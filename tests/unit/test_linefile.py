"""A file of lines that may be moved away, and that may not take a line."""

import os
import stat

import pytest

from cookietrack_plugin.audit.linefile import LineFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "audit.jsonl"


@pytest.fixture
def file(path):
    file = LineFile(str(path))
    yield file
    file.close()


def test_lines_are_appended_to_what_is_there(path, file):
    path.write_text("before\n")
    file.append(b"a\nb\n", durable=False)
    file.append(b"c\n", durable=True)
    assert path.read_text() == "before\na\nb\nc\n"


def test_a_new_file_is_for_its_owner_alone(path, file):
    file.append(b"a\n", durable=False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_after_the_file_was_moved_the_next_line_is_in_a_new_one(path, file):
    file.append(b"a\n", durable=False)
    path.rename(path.with_suffix(".1"))
    file.append(b"b\n", durable=True)
    assert path.with_suffix(".1").read_text() == "a\n"
    assert path.read_text() == "b\n"


def test_a_file_that_was_removed_or_replaced_is_opened_again(path, file):
    file.append(b"a\n", durable=False)
    path.unlink()
    file.append(b"b\n", durable=False)
    assert path.read_text() == "b\n"
    other = path.with_suffix(".new")
    other.write_text("other\n")
    other.rename(path)
    file.append(b"c\n", durable=False)
    assert path.read_text() == "other\nc\n"


def test_a_file_that_was_emptied_goes_on_at_its_beginning(path, file):
    """As logrotate's `copytruncate` does it."""
    file.append(b"a\n", durable=False)
    os.truncate(path, 0)
    file.append(b"b\n", durable=False)
    assert path.read_text() == "b\n"


def test_two_processes_may_write_one_file(path, file):
    other = LineFile(str(path))
    for line in (b"a\n", b"b\n"):
        file.append(line, durable=False)
        other.append(line, durable=False)
    other.close()
    assert path.read_text() == "a\na\nb\nb\n"


def test_what_must_last_is_flushed_with_its_name(path, file, monkeypatch):
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda fd: flushed.append(os.readlink(f"/proc/self/fd/{fd}")))
    monkeypatch.setattr(
        os, "fdatasync", lambda fd: flushed.append(os.readlink(f"/proc/self/fd/{fd}"))
    )
    file.append(b"a\n", durable=False)
    assert flushed == []
    path.unlink()
    file.append(b"b\n", durable=True)
    file.append(b"c\n", durable=True)
    assert flushed == [str(path.parent), str(path), str(path)]


def test_a_name_is_flushed_with_the_first_line_that_must_last(path, file, monkeypatch):
    """The line that says that a log is written comes first, and nobody waits for it."""
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda fd: flushed.append(os.readlink(f"/proc/self/fd/{fd}")))
    file.append(b"started\n", durable=False)
    for _ in range(2):
        file.append(b"a\n", durable=True)
    assert flushed == [str(path.parent)]


def test_a_name_that_could_not_be_flushed_is_flushed_before_the_next_line(path, file, monkeypatch):
    def fail(fd):
        raise OSError("no directory entry")

    with monkeypatch.context() as failing:
        failing.setattr(os, "fsync", fail)
        for _ in range(2):
            with pytest.raises(OSError, match="no directory entry"):
                file.append(b"a\n", durable=True)
    file.append(b"b\n", durable=True)
    assert path.read_text() == "b\n"


def test_a_line_that_is_torn_does_not_spoil_the_next(path, file, monkeypatch):
    write, room = os.write, [3]

    def write_a_little(fd, data):
        # Another thread's timers may wake a reactor.
        if not os.readlink(f"/proc/self/fd/{fd}").startswith(str(path)):
            return write(fd, data)
        if not room[0]:
            raise OSError("no space left on device")
        written = write(fd, data[: room[0]])
        room[0] -= written
        return written

    monkeypatch.setattr(os, "write", write_a_little)
    for _ in range(2):
        with pytest.raises(OSError, match="no space"):
            file.append(b"abcdef\n", durable=False)
    room[0] = 1000
    file.append(b"b\n", durable=False)
    file.append(b"c\n", durable=False)
    assert path.read_text() == "abc\nb\nc\n"


def test_a_file_that_ends_in_the_middle_of_a_line_is_gone_on_with_on_the_next(path, file):
    path.write_text("a\nhalf a li")
    file.append(b"b\n", durable=False)
    assert path.read_text() == "a\nhalf a li\nb\n"


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused_at_once(path, file, make):
    make(path)
    with pytest.raises(OSError, match=r"expected a file|Is a directory"):
        file.append(b"a\n", durable=False)


def test_a_directory_that_is_not_there_is_an_error_until_it_is(tmp_path):
    file = LineFile(str(tmp_path / "log" / "audit.jsonl"))
    with pytest.raises(FileNotFoundError):
        file.append(b"a\n", durable=False)
    (tmp_path / "log").mkdir()
    file.append(b"a\n", durable=False)
    file.close()
    assert (tmp_path / "log" / "audit.jsonl").read_text() == "a\n"
