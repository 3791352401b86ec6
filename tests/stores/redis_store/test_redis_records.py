"""Records that cannot be read, texts that are no ids, and too many that are to be kept."""

import logging

import pytest

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import MAX_KEPT_IDS, Create, Delete
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.testing.samples import make_auth, make_cookie, make_id, make_touch
from tests.support.redis_stores import JOE, run_command

pytest_plugins = ["tests.support.servers"]
pytestmark = pytest.mark.server

NO_IDS = [
    "",
    "\ud800" * 24,
    "\0" * 24,
    "é",
    "é" * 24,
    "*",
    "a" * 23,
    "a" * 25,
    "a" * 23 + "\n",
    "a}b",
]
SECRET = "a token that nobody is to read"


def damage(store, number: int, value: bytes) -> None:
    key = store._layout.of(make_id(number)).cookie(make_id(number))
    store._client.run([("SET", key, value)])


def test_a_record_that_cannot_be_decoded_is_named_in_the_log(options, store, other, caplog):
    caplog.set_level(logging.DEBUG)
    auth = make_auth(authextra={"token": SECRET})
    store.commit([Create(make_cookie(number, auth)) for number in range(4)])
    key = store._layout.of(make_id(1)).cookie(make_id(1))
    value = run_command(options["url"], "GET", key)
    for number, bytes_ in [(1, value[:-1]), (2, b""), (3, b"\xff" + value[1:])]:
        damage(store, number, bytes_)
    for _ in range(3):
        assert set(store.load([make_id(number) for number in range(4)])) == {make_id(0)}
        assert store.load([make_id(1)]) == {}
        assert [cookie.id for cookie in records(store)] == [make_id(0)]
    lines = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert len(lines) == 3
    for number in (1, 2, 3):
        assert any(make_id(number) in line and "cannot be decoded" in line for line in lines)
    assert SECRET not in caplog.text
    assert store.commit([make_touch(1), Delete(make_id(1))]) == [False, True]


def test_of_many_damaged_records_not_all_have_a_line(store, caplog):
    numbers = range(300)
    store.commit([Create(make_cookie(number)) for number in numbers])
    for number in numbers:
        damage(store, number, b"damage")
    assert store.load([make_id(number) for number in numbers]) == {}
    assert 1 < len(caplog.records) < 150


@pytest.mark.parametrize("text", NO_IDS, ids=ascii)
def test_text_that_is_no_id_has_no_record(store, text):
    store.commit([Create(make_cookie(1, make_auth()))])
    assert store.load([text]) == {}
    assert set(store.load([text, make_id(1), text])) == {make_id(1)}


def test_more_ids_to_keep_than_there_may_be_are_refused(store):
    store.commit([Create(make_cookie(1, make_auth()))])
    keep = {make_id(number) for number in range(MAX_KEPT_IDS + 1)}
    with pytest.raises(ValueError, match=f"at most {MAX_KEPT_IDS} ids to keep, found 17"):
        store.revoke_user(*JOE, keep=keep)
    assert set(store.load([make_id(1)])) == {make_id(1)}
    assert store.revoke_user(*JOE, keep=sorted(keep)[:MAX_KEPT_IDS]) == 0
    store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        store.load([""])
