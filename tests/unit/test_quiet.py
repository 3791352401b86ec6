"""A log without Crossbar's lines about cookies."""

import pytest
from txaio.tx import make_logger

from cookietrack_plugin.router.fast.quiet import QuietLogger


@pytest.fixture
def quiet():
    return QuietLogger(make_logger())


def test_a_line_about_a_cookie_is_not_written(quiet, log):
    quiet.info("{func}: setting new cookie {cookie}", func="onConnect", cookie="secret")
    assert log.lines == []


def test_other_lines_are_told_at_debug_and_above_as_they_are(quiet, log):
    quiet.info("failing WebSocket opening handshake ('{reason}')", reason="no")
    quiet.debug("a cookie in detail")
    quiet.error("no cookie store")
    assert log.lines == [
        ("debug", "failing WebSocket opening handshake ('no')"),
        ("debug", "a cookie in detail"),
        ("error", "no cookie store"),
    ]


def test_what_a_client_is_to_blame_for_is_no_warning(quiet, log):
    quiet.warn('failing WebSocket connection (code={code}): "{reason}"', code=1002, reason="no")
    quiet.warn("dropping connection to peer {peer}", peer="tcp4:192.0.2.1:1")
    quiet.warn("the disk is full")
    assert log.lines == [
        ("debug", 'failing WebSocket connection (code=1002): "no"'),
        ("debug", "dropping connection to peer tcp4:192.0.2.1:1"),
        ("warn", "the disk is full"),
    ]
