"""What a store is called in the log and in metrics: enough to tell it apart, and no secret."""

import pytest

from cookietrack_plugin.config.location import path_of
from cookietrack_plugin.config.redaction import label_of, without_secrets


@pytest.mark.parametrize(
    ("options", "label"),
    [
        ({"type": "memory"}, "memory"),
        ({"type": "memory", "max_cookies": 5}, "memory"),
        ({"type": "lmdb", "path": ".cookies", "sync": False}, "lmdb:.cookies"),
        ({"type": "file", "filename": "me@work/cookies.dat"}, "file:me@work/cookies.dat"),
        ({"type": "redis", "url": "redis://u:se/c@ret@h:1/0?x=y"}, "redis:redis://h:1/0"),
        ({"type": "redis", "url": "redis://u:se?cret@h"}, "redis:redis://***"),
        ({"type": "redis", "url": "redis://h", "prefix": "app"}, "redis:redis://h app"),
        ({"type": "sql", "url": "sqlite:///c.db", "table": "t"}, "sql:sqlite:///c.db t"),
        ({"type": "sql", "table": "t", "url": "sqlite:///c.db"}, "sql:sqlite:///c.db t"),
        ({"type": "sql", "url": "sqlite:///c.db", "password": "x"}, "sql:sqlite:///c.db"),
        ({"type": "sql", "url": 7}, "sql"),
        ({"type": "unknown", "bucket": "redis://:secret@h"}, "unknown:redis://h"),
    ],
)
def test_a_store_is_called_by_its_type_and_its_place(options, label):
    assert label_of(options) == label


def test_a_relative_path_is_made_absolute_on_demand():
    assert label_of({"type": "lmdb", "path": "a/../b"}, "/srv/node") == "lmdb:/srv/node/b"
    assert label_of({"type": "sql", "url": "sqlite:///c.db"}, "/srv") == "sql:sqlite:///c.db"


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"type": "lmdb", "path": ".cookies"}, "/srv/node/.cookies"),
        ({"type": "file", "filename": "/var/c.dat"}, "/var/c.dat"),
        ({"type": "redis", "url": "redis://h"}, None),
        ({"type": "memory"}, None),
        ({"type": "unknown", "path": "x"}, None),
    ],
)
def test_only_what_lies_in_the_file_system_has_a_path(options, path):
    assert path_of(options, "/srv/node") == path


@pytest.mark.parametrize(
    ("options", "said", "shown"),
    [
        ({"type": "lmdb", "path": ".cookies"}, "no room in .cookies", "no room in .cookies"),
        ({"url": "redis://u:se%2Fcret@h:1/0"}, "se%2Fcret, se/cret at h", "***, *** at h"),
        ({"url": "nats://t0ken@h"}, "t0ken is not known", "*** is not known"),
        ({"url": "sql://h?user=a&password=s3cret"}, "a with s3cret", "a with ***"),
        ({"url": "redis://:${COOKIES}@h"}, "wrong: from/outside", "wrong: ***"),
        ({"url": "redis://:${NOT_SET}@h"}, "NOT_SET is not set", "NOT_SET is not set"),
        ({"tls": {"key_password": "s3cret"}}, "s3cret", "***"),
        ({"servers": ["nats://a:one@h", "nats://a:one-two@h"]}, "one-two, one", "***, ***"),
        ({"password": ""}, "no password", "no password"),
    ],
)
def test_what_an_error_says_is_shown_without_the_stores_passwords(
    options, said, shown, monkeypatch
):
    monkeypatch.setenv("COOKIES", "from/outside")
    assert without_secrets(said, options) == shown
