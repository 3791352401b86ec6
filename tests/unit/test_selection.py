"""Which records are meant, in the words of the command, the procedures, and the console."""

import pytest

from cookietrack_plugin.record import Auth, Cookie
from cookietrack_plugin.search.selection import Selection

HOUR = 3_600_000
NOW = 100 * HOUR
JOE = Cookie(
    "j" * 24,
    NOW - 5 * HOUR,
    NOW + HOUR,
    NOW - HOUR,
    "tcp4:192.0.2.7:1",
    "Mozilla/5.0 Firefox/140.0",
    Auth("joe", "user", "ticket", "realm1"),
)
NOBODY = Cookie("n" * 24, NOW - HOUR, NOW + HOUR, NOW, "unix")
GONE = Cookie("g" * 24, NOW - HOUR, NOW, NOW)
ALL = {"joe": JOE, "nobody": NOBODY, "gone": GONE}


def chosen(**given):
    selection = Selection.parse(given)
    assert Selection.parse(selection.texts()) == selection
    return [name for name, cookie in ALL.items() if selection.has(cookie, NOW)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["joe", "nobody"]),
        ({"expired": True}, ["gone"]),
        ({"anonymous": True}, ["nobody"]),
        ({"anonymous": False, "authid": None}, ["joe", "nobody"]),
        ({"authid": "joe"}, ["joe"]),
        ({"authid": "Joe"}, []),
        ({"authid": "joe", "authrealm": "realm2"}, []),
        ({"authrealm": "realm1"}, ["joe"]),
        ({"authrole": "user"}, ["joe"]),
        ({"authrole": "admin"}, []),
        ({"peer": "192.0.2.0/24"}, ["joe"]),
        ({"peer": "unix"}, ["nobody"]),
        ({"device": "FIREFOX"}, ["joe"]),
        ({"device": "chrome"}, []),
        ({"device": "firefox 140"}, ["joe"]),
        ({"older": "5h"}, ["joe"]),
        ({"newer": "300m"}, ["nobody"]),
        ({"idle": "3600s"}, ["joe"]),
        ({"active": "1h"}, ["nobody"]),
        ({"older": "0w"}, ["joe", "nobody"]),
        ({"newer": "999999999w"}, ["joe", "nobody"]),
    ],
)
def test_a_record_has_to_meet_all_that_is_asked(given, expected):
    assert chosen(**given) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"older": "5"}, "older: expected a number with s, m, h, d or w"),
        ({"idle": 5}, "idle: expected a string, found an integer"),
        ({"peer": "somewhere"}, "peer: expected an address or a network"),
        ({"authid": ""}, "authid: expected a string that is not empty"),
        ({"expired": "yes"}, "expired: expected true or false, found a string"),
        ({"rolle": "user"}, "expected one of authid, .*expired, found 'rolle'"),
    ],
)
def test_what_is_wrong_is_named(given, words):
    with pytest.raises(ValueError, match=words):
        Selection.parse(given)


def test_stores_are_asked_for_users_whom_they_have_an_index_of():
    assert Selection(authid="joe", authrealm="realm1").user == ("joe", "realm1")
    assert Selection(authid="joe").user == ("joe", None)
    assert Selection(authrealm="realm1").user == (None, None)
