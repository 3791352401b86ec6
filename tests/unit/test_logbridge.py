"""What a store logs, as the standard library has it, stands in the log of the Crossbar worker."""

import logging

import pytest

from cookietrack_plugin.router import logbridge


@pytest.fixture
def logger(unbridged_logging) -> logging.Logger:
    unbridged_logging.handlers[:] = []
    logbridge.install()
    return logging.getLogger("cookietrack_plugin.stores.some")


@pytest.mark.parametrize(
    ("logged", "level"),
    [
        (logging.DEBUG, "debug"),
        (logging.INFO, "info"),
        (logging.WARNING, "warn"),
        (logging.ERROR, "error"),
        (logging.CRITICAL, "critical"),
        (logging.WARNING + 5, "warn"),
    ],
)
def test_a_record_is_passed_on_at_its_level(logger, log, logged, level):
    logger.log(logged, "line %d is damaged", 7)
    assert log.lines == [(level, "line 7 is damaged")]


def test_braces_in_a_message_are_no_fields(logger, log):
    logger.error("not JSON: %s", '{"a": {level}}')
    assert log.lines == [("error", 'not JSON: {"a": {level}}')]


def test_a_traceback_comes_along(logger, log):
    try:
        raise OSError("no disk")
    except OSError:
        logger.exception("cannot compact")
    [(level, text)] = log.lines
    assert level == "error"
    assert text.startswith("cannot compact\nTraceback")
    assert text.endswith("OSError: no disk")


def test_a_message_that_cannot_be_formatted_does_not_fail_the_store(log, capsys):
    # To the handler itself: pytest has one of its own that fails.
    broken = logging.LogRecord("x", logging.ERROR, "x.py", 1, "%d cookies", ("none",), None)
    logbridge.CrossbarHandler().handle(broken)
    assert log.lines == []
    assert "Logging error" in capsys.readouterr().err


def test_installing_twice_logs_once(logger, log):
    logbridge.install()
    logger.warning("once")
    assert log.at("warn") == ["once"]


def test_the_loggers_of_other_packages_are_left_alone(logger, log):
    others = logging.getLogger("some_other_package")
    assert not [h for h in others.handlers if isinstance(h, logbridge.CrossbarHandler)]
    assert others.propagate
    logging.getLogger("cookietrack_plugin_extra").error("not ours")
    assert log.lines == []


def test_what_is_passed_on_is_not_printed_as_well(logger):
    assert not logging.getLogger(logbridge.PACKAGE).propagate


@pytest.mark.parametrize("level", ["info", "warn", "none"])
def test_what_crossbar_would_not_show_costs_nothing(unbridged_logging, monkeypatch, level):
    unbridged_logging.handlers[:] = []
    monkeypatch.setattr(logbridge, "get_global_log_level", lambda: level)
    logbridge.install()
    assert not unbridged_logging.isEnabledFor(logging.DEBUG)
