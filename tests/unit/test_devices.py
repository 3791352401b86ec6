"""The cookie that a caller of `cookietrack.my.*` comes with, as its session's details have it."""

import pytest

from cookietrack_plugin.router.devices import _current
from cookietrack_plugin.testing.samples import make_id


def test_it_is_the_one_of_the_transport():
    assert _current({"transport": {"http_cbtid": make_id(1)}}) == make_id(1)


@pytest.mark.parametrize(
    "transport",
    [
        None,
        {},
        "text",
        ["http_cbtid"],
        {"http_cbtid": None},
        {"http_cbtid": "a b c"},
        {"http_cbtid": make_id(1) + ","},
        {"http_cbtid": [make_id(1)]},
        {"http_cbtid": {}},
        {"http_cbtid": 7},
    ],
)
def test_what_is_no_id_is_no_cookie(transport):
    """Crossbar takes a RawSocket client's word for its transport."""
    assert _current({"transport": transport}) is None
