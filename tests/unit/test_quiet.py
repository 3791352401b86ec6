"""A log without Crossbar's lines about cookies."""

import pytest
from txaio.tx import make_logger

from cookietrack_plugin.router.quiet import QuietLogger


@pytest.fixture
def quiet():
    return QuietLogger(make_logger())


def test_a_line_about_a_cookie_is_not_written(quiet, log):
    quiet.info("{func}: setting new cookie {cookie}", func="onConnect", cookie="secret")
    assert log.lines == []


def test_other_lines_are(quiet, log):
    quiet.info("Traffic {peer}: {wire_in} bytes", peer="tcp4:192.0.2.1:5", wire_in=7)
    quiet.debug("a cookie in detail")
    quiet.error("no cookie store")
    assert log.lines == [
        ("info", "Traffic tcp4:192.0.2.1:5: 7 bytes"),
        ("debug", "a cookie in detail"),
        ("error", "no cookie store"),
    ]
