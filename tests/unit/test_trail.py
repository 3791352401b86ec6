"""Lines on their way to a file or to the log: nobody but a login waits, none is lost in silence."""

import json
import threading

import pytest

from cookietrack_plugin.audit.linefile import LineFile
from cookietrack_plugin.config.audit import AuditSettings
from cookietrack_plugin.router.trails import Trails
from cookietrack_plugin.tracking import trail as trail_module
from cookietrack_plugin.tracking.trail import CLOSE_TIMEOUT_S, FileTrail, LogTrail, NotAudited


@pytest.fixture
def path(tmp_path):
    return tmp_path / "audit.jsonl"


@pytest.fixture
def trail(path, reactor):
    trail = FileTrail(str(path), reactor)
    yield trail
    reactor.result_of(trail.close())


@pytest.fixture
def held(monkeypatch):
    """A disk that hangs until it is set."""
    go_on, append = threading.Event(), LineFile.append

    def wait(*args, **kwargs):
        go_on.wait(30)
        return append(*args, **kwargs)

    monkeypatch.setattr(LineFile, "append", wait)
    yield go_on
    go_on.set()


def events(path):
    return [json.loads(line)["event"] for line in path.read_text().splitlines()]


def test_lines_come_in_the_order_in_which_they_were_written(trail, path, reactor):
    written = [trail.write(str(number)) for number in range(100)]
    for each in written:
        reactor.result_of(each)
    assert path.read_text().split() == [str(number) for number in range(100)]


def test_writing_does_not_wait_for_a_disk_that_hangs(trail, path, reactor, held):
    written = trail.write("a")
    reactor.turn()
    assert not written.called
    held.set()
    reactor.result_of(written)
    assert path.read_text() == "a\n"


def test_no_more_lines_wait_than_the_bound(trail, path, reactor, held, monkeypatch, log):
    monkeypatch.setattr(trail_module, "MAX_PENDING", 2)
    written = [trail.write("a"), trail.write("b")]
    with pytest.raises(NotAudited, match="2 lines are waiting"):
        reactor.result_of(trail.write("c"))
    assert len(log.at("error")) == 1
    held.set()
    for each in written:
        reactor.result_of(each)
    assert path.read_text().startswith("a\nb\n")


def test_lines_that_are_lost_are_counted_in_the_log_and_in_the_file(tmp_path, reactor, log):
    path = tmp_path / "log" / "audit.jsonl"
    trail = FileTrail(str(path), reactor)
    for _ in range(3):
        with pytest.raises(NotAudited, match="No such file or directory"):
            reactor.result_of(trail.write("{}"))
    [error] = log.at("error")
    assert error.startswith(f"the audit log {path} cannot be written, lines are lost: [Errno 2]")
    path.parent.mkdir()
    reactor.result_of(trail.write('{"event": "revoked"}'))
    assert log.at("warn") == [f"the audit log {path} is written again; lost lines: 3"]
    reactor.result_of(trail.close())
    assert events(path) == ["revoked", "lost"]
    assert json.loads(path.read_text().splitlines()[1])["reason"] == "3 lines"


def test_only_lines_that_are_required_are_flushed(trail, path, reactor, monkeypatch):
    flushed, append = [], LineFile.append

    def note(file, lines, durable):
        flushed.append(durable)
        append(file, lines, durable)

    monkeypatch.setattr(LineFile, "append", note)
    reactor.result_of(trail.write("a"))
    trail.required = True
    reactor.result_of(trail.write("b"))
    assert flushed == [False, True]


def test_closing_writes_what_is_queued(path, reactor):
    trail = FileTrail(str(path), reactor)
    trail.write("a")
    reactor.result_of(trail.close())
    assert path.read_text() == "a\n"
    with pytest.raises(NotAudited, match="the worker has closed it"):
        reactor.result_of(trail.write("b"))


def test_closing_does_not_wait_for_ever_for_a_disk_that_hangs(path, reactor, held, log):
    trail = FileTrail(str(path), reactor)
    trail.write("a")
    closed = trail.close()
    reactor.turn()
    assert not closed.called
    reactor.advance(CLOSE_TIMEOUT_S)
    reactor.result_of(closed)
    line = f"the audit log {path} cannot be closed within 3 seconds: its last lines may be lost"
    assert line in log.at("error")


def test_the_log_has_each_line_as_it_is(log, reactor):
    reactor.result_of(LogTrail().write('{"event": "{x}"}'))
    assert log.lines == [("info", '{"event": "{x}"}')]


class TestTheTrailsOfAWorker:
    @pytest.fixture
    def trails(self, reactor, tmp_path):
        trails = Trails(reactor, str(tmp_path))
        yield trails
        reactor.result_of(trails.close())

    def test_are_one_for_each_file_and_the_strictest_item_binds(self, trails, tmp_path, reactor):
        first = trails.trail(AuditSettings("file", "a.jsonl"))
        assert trails.trail(AuditSettings("file", f"{tmp_path}/./a.jsonl", True)) is first
        assert trails.trail(AuditSettings("file", "b.jsonl")) is not first
        assert first.required
        assert trails.trail(AuditSettings("file", "a.jsonl")).required

    def test_write_in_the_node_directory_when_they_begin_and_end(self, trails, tmp_path, reactor):
        trails.trail(AuditSettings())
        reactor.result_of(trails.close())
        assert events(tmp_path / "audit.jsonl") == ["started", "stopped"]

    def test_say_at_once_that_a_file_cannot_be_written(self, trails, tmp_path, reactor, log):
        trails.trail(AuditSettings("file", "nowhere/a.jsonl"))
        reactor.turn_until(lambda: log.at("error"))
        assert "nowhere/a.jsonl cannot be written" in log.at("error")[0]

    def test_have_one_for_the_log(self, trails, log):
        assert trails.trail(AuditSettings("log")) is trails.trail(AuditSettings("log"))
        assert '"event": "started"' in log.at("info")[0]
