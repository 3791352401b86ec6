"""Values as an operator reads them."""

import pytest

from cookietrack_plugin.admin.text import absolute, counted, printable, relative, size

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        (0, "now"),
        (-999, "now"),
        (-SECOND, "a second ago"),
        (-59 * SECOND, "59 seconds ago"),
        (-MINUTE, "a minute ago"),
        (2 * HOUR, "in 2 hours"),
        (23 * HOUR, "in 23 hours"),
        (DAY, "in a day"),
        (-3650 * DAY, "10 years ago"),
        (2**63, f"in {2**63} ms"),
    ],
)
def test_a_time_is_told_by_its_distance_in_the_largest_unit_that_fits(distance, expected):
    assert relative(10**13 + distance, 10**13) == expected


def test_a_time_is_told_as_local_date_and_time_with_its_zone(monkeypatch):
    assert absolute(1_700_000_000_000)[:4] == "2023"
    assert absolute(1_700_000_000_000)[-6] in "+-"


def test_a_time_beyond_all_calendars_is_told_as_it_stands():
    assert absolute(2**63) == f"{2**63} ms"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mozilla/5.0 (ünïcödé)", "Mozilla/5.0 (ünïcödé)"),
        ("\x1b[2Jgone\x07", r"\x1b[2Jgone\x07"),
        ("one\ntwo\r", r"one\ntwo\r"),
        ("right\u202eleft", r"right\u202eleft"),
        ("\ud800", r"\ud800"),
        ("\U000e0001", r"\U000e0001"),
    ],
)
def test_what_a_client_has_chosen_has_no_power_over_the_terminal(text, expected):
    assert printable(text) == expected


def test_numbers_are_counted_with_their_noun():
    assert [counted(n, "cookie") for n in (0, 1, 12_345)] == [
        "0 cookies",
        "1 cookie",
        "12,345 cookies",
    ]


def test_sizes_are_told_in_the_unit_that_fits():
    assert [size(n) for n in (0, 1023, 1024, 3 * 2**30, 2**50)] == [
        "0 Bytes",
        "1023 Bytes",
        "1.0 KiB",
        "3.0 GiB",
        "1.0 PiB",
    ]
