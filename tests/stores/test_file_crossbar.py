"""The file store takes over what Crossbar's own file store wrote, whichever version it was."""

import json
import logging
from pathlib import Path

import pytest
from crossbar.router.cookiestore import CookieStoreFileBacked

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.header import id_of
from cookietrack_plugin.record import Auth
from cookietrack_plugin.stores.file import disk as filedisk
from cookietrack_plugin.stores.file.store import FileStore
from tests.support.cookiefile import (
    DAY,
    NAME,
    NOW,
    closed_stores,  # noqa: F401
    contents,
    no_flushes,  # noqa: F401
    open_file,
    reopened,
    rescued,
)

VALUE = "Zm9vYmFyYmF6cXV4/1+2abcd"
OTHER = "c2Vjb25kY29va2lldmFsdWUx"
CREATED = "2027-01-15T08:00:00.000Z"
MODIFIED = "2027-01-15T09:00:00.500Z"
LOGIN = {"authid": "joe", "authrole": "user", "authmethod": "ticket", "authrealm": "realm1"}
JOE = Auth("joe", "user", "ticket", "realm1")


@pytest.fixture
def crossbar(tmp_path):
    """Opens Crossbar's own store, again each time it is called."""

    def open_crossbar(**options: object) -> CookieStoreFileBacked:
        config = {"store": {"type": "file", "filename": NAME, **options}, "max_age": 604800}
        return CookieStoreFileBacked(str(tmp_path / NAME), config)

    return open_crossbar


def write(directory: Path, *entries: dict[str, object]) -> None:
    lines = [json.dumps(entry) + "\n" for entry in entries]
    (directory / NAME).write_text("".join(lines))


def entry(value: str = VALUE, status: str = "created", **fields: object) -> dict[str, object]:
    """A line as Crossbar 26 writes it."""
    times = {"created": CREATED, "modified": None, "deleted": None}
    nobody = {"authid": None, "authrole": None, "authmethod": None, "authrealm": None}
    head = {"cbtid": value, "status": status, **times, "max_age": 86400}
    return {**head, **nobody, "authextra": None, **fields}


def everything(directory: Path) -> bytes:
    """The contents of all files of the directory, of any name."""
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


def log_in(
    store: CookieStoreFileBacked, value: str, authid: str = "joe", extra: object = None
) -> None:
    store.setAuth(value, authid, "user", "ticket", extra, "realm1")


def test_a_login_in_a_file_of_crossbars_is_still_one(crossbar, tmp_path):
    theirs = crossbar()
    anonymous, _ = theirs.create()
    user, _ = theirs.create()
    log_in(theirs, user, extra={"tenant": "acme", "x_cb_peer": "tcp4:192.0.2.1:4711"})
    found = contents(open_file(tmp_path))
    assert set(found) == {id_of(anonymous), id_of(user)}
    assert found[id_of(anonymous)].auth is None
    assert found[id_of(user)].auth == Auth("joe", "user", "ticket", "realm1", {"tenant": "acme"})


def test_times_are_read_as_utc_and_max_age_as_seconds(tmp_path):
    write(tmp_path, entry(modified=MODIFIED))
    (cookie,) = contents(open_file(tmp_path)).values()
    assert cookie.created == NOW
    assert cookie.expires == NOW + DAY
    assert cookie.seen == NOW + 3_600_500


def test_a_cookie_that_crossbar_brings_back_stays_deleted(crossbar, tmp_path):
    theirs = crossbar()
    value, _ = theirs.create()
    log_in(theirs, value)
    theirs.delAuth(value)
    revived = crossbar()
    assert revived.getAuth(value)[0] == "joe"
    log_in(revived, value, authid="mary")
    assert contents(open_file(tmp_path)) == {}


def test_a_value_that_is_given_out_again_after_its_deletion_counts(tmp_path):
    write(tmp_path, entry(), entry(status="deleted", deleted=MODIFIED), entry(**LOGIN))
    assert contents(open_file(tmp_path))[id_of(VALUE)].auth == JOE


def test_a_file_that_crossbar_has_cleaned_is_read(crossbar, tmp_path):
    theirs = crossbar()
    value, _ = theirs.create()
    log_in(theirs, value)
    crossbar(purge_on_startup=True)
    assert "status" not in json.loads((tmp_path / NAME).read_text())
    assert contents(open_file(tmp_path))[id_of(value)].auth == JOE


def test_lines_with_id_and_with_the_status_as_a_key_are_read(tmp_path):
    """Of an older Crossbar: a change has no `created`."""
    old = {"id": VALUE, "max_age": 86400, "authextra": None}
    nobody = dict.fromkeys(LOGIN)
    write(tmp_path, {**old, **nobody, "created": CREATED}, {**old, **LOGIN, "modified": MODIFIED})
    cookie = contents(open_file(tmp_path))[id_of(VALUE)]
    assert (cookie.created, cookie.expires, cookie.auth) == (NOW, NOW + DAY, JOE)


def test_a_login_without_a_realm_is_reported_and_its_cookie_kept(tmp_path, caplog):
    """An old Crossbar stored none, and a session without a realm cannot be joined."""
    login = {name: LOGIN[name] for name in ("authid", "authrole", "authmethod")}
    write(tmp_path, {"id": VALUE, "created": CREATED, "max_age": 86400, **login})
    assert contents(open_file(tmp_path))[id_of(VALUE)].auth is None
    assert "which an old Crossbar wrote, are left out: 1" in caplog.text


def test_an_anonymous_client_is_not_taken_for_one_who_has_logged_in(crossbar, tmp_path):
    theirs = crossbar()
    value, _ = theirs.create()
    theirs.setAuth(value, value, "anonymous", "anonymous", None, "realm1")
    assert contents(open_file(tmp_path))[id_of(value)].auth is None


def test_the_value_is_in_no_file_once_the_store_is_open(crossbar, tmp_path):
    theirs = crossbar()
    values = [theirs.create()[0] for _ in range(20)]
    for value in values[5:]:
        log_in(theirs, value, authid=value, extra={"session": f"of {value}", "all": [value]})
    assert values[0].encode() in everything(tmp_path)
    store = open_file(tmp_path)
    assert not [value for value in values if value.encode() in everything(tmp_path)]
    found = contents(store)[id_of(values[5])].auth
    assert found == Auth(
        id_of(values[5]),
        *("user", "ticket", "realm1"),
        {"session": f"of {id_of(values[5])}", "all": [id_of(values[5])]},
    )


def test_the_log_says_that_copies_of_the_old_file_are_still_worth_a_login(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    write(tmp_path, entry(), entry(OTHER))
    open_file(tmp_path)
    assert f"{tmp_path / NAME}: lines that Crossbar wrote: 2 of " in caplog.text
    assert "Copies of the old file still log their users in" in caplog.text
    assert VALUE not in caplog.text


def test_what_was_taken_over_is_there_again_after_reopening(tmp_path):
    write(tmp_path, entry(**LOGIN), entry(OTHER))
    store = open_file(tmp_path)
    found = contents(store)
    assert len(found) == 2
    assert contents(reopened(store, tmp_path)) == found


def test_where_there_is_no_room_to_rewrite_it_crossbars_file_stays_as_it_is(tmp_path, monkeypatch):
    write(tmp_path, entry(**LOGIN))
    before = (tmp_path / NAME).read_bytes()

    def full(fd, data):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(filedisk.os, "write", full)
        with pytest.raises(StoreUnavailable, match="No space left"):
            open_file(tmp_path)
    assert (tmp_path / NAME).read_bytes() == before
    assert contents(open_file(tmp_path))[id_of(VALUE)].auth == JOE


@pytest.mark.usefixtures("no_flushes")
def test_a_last_line_that_was_torn_at_any_byte_costs_that_line_alone(tmp_path, caplog):
    write(tmp_path, entry(**LOGIN), entry(OTHER, authextra={"who": OTHER}))
    whole = (tmp_path / NAME).read_bytes()
    first = whole.index(b"\n") + 1
    for length in range(first, len(whole) - 1):
        (tmp_path / NAME).write_bytes(whole[:length])
        store = open_file(tmp_path)
        assert contents(store)[id_of(VALUE)].auth == JOE, length
        assert store.stat()["torn"] == (length > first)
        store.close()
        assert OTHER[:8].encode() not in everything(tmp_path), length
    assert "its end, from line 2 of 2 on, is a batch that was cut off" in caplog.text


@pytest.mark.usefixtures("no_flushes")
def test_a_torn_first_line_does_not_keep_the_store_from_opening(tmp_path):
    whole = (json.dumps(entry()) + "\n").encode()
    for length in range(1, len(whole) - 2):
        (tmp_path / NAME).write_bytes(whole[:length])
        store = open_file(tmp_path)
        assert contents(store) == {}, length
        store.close()


DAMAGES = {
    "not JSON": lambda line: line.replace(b'"status": ', b'"status" '),
    "wrong max_age": lambda line: line.replace(b'"max_age": 3', b'"max_age": "long"'),
    "wrong time": lambda line: line.replace(b'"created": "2027', b'"created": "then'),
    "no key": lambda line: line.replace(b'"cbtid"', b'"cbt"'),
    "beginning lost": lambda line: line[30:],
    "zeros": lambda line: line[:15] + b"\0" * 10 + line[25:],
    "not text": lambda line: b"\xff\xfe" + line,
    "nested": lambda line: b"[" * 5000 + b"\n",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_line_is_reported_and_kept_without_its_value(tmp_path, caplog, damage):
    write(tmp_path, entry(**LOGIN), entry(OTHER, authid=OTHER, max_age=3), entry("a" * 24))
    lines = (tmp_path / NAME).read_bytes().splitlines(keepends=True)
    lines[1] = damage(lines[1])
    (tmp_path / NAME).write_bytes(b"".join(lines))
    store = open_file(tmp_path)
    assert set(contents(store)) == {id_of(VALUE), id_of("a" * 24)}
    assert store.stat()["damaged"] == 1
    assert "damaged lines: 1 of 3 (line 2)" in caplog.text
    assert rescued(tmp_path).startswith(b"# line 2\n")
    assert OTHER[10:16].encode() not in everything(tmp_path)


def test_of_a_damaged_line_its_id_and_times_can_still_be_read(tmp_path):
    line = json.dumps(entry(OTHER, modified=MODIFIED, **LOGIN)).replace("86400", "86400e").encode()
    (tmp_path / NAME).write_bytes(json.dumps(entry()).encode() + b"\n" + line + b"\n")
    open_file(tmp_path)
    kept = rescued(tmp_path)
    assert id_of(OTHER).encode() in kept
    assert CREATED.encode() in kept
    assert b'"authid": "joe"' in kept


def test_what_has_expired_is_purged_on_startup_if_so_configured(tmp_path):
    past = entry(OTHER, created="2016-03-02T20:23:00.000Z", **LOGIN)
    write(tmp_path, past, entry(max_age=86400 * 3650))
    store = open_file(tmp_path, purge_on_startup=False)
    assert set(contents(store)) == {id_of(VALUE), id_of(OTHER)}
    store.close()
    store = open_file(tmp_path, purge_on_startup=True)
    assert set(contents(store)) == {id_of(VALUE)}
    assert id_of(OTHER).encode() not in (tmp_path / NAME).read_bytes()


def test_crossbars_lines_behind_ours_are_read_too(tmp_path):
    """As where two files were put together by hand."""
    write(tmp_path, entry(**LOGIN))
    open_file(tmp_path).close()
    with open(tmp_path / NAME, "a") as file:
        file.write(json.dumps(entry(OTHER)) + "\n")
    store: FileStore = open_file(tmp_path)
    assert set(contents(store)) == {id_of(VALUE), id_of(OTHER)}
    assert OTHER.encode() not in everything(tmp_path)


def glued(directory: Path, *texts: str) -> None:
    (directory / NAME).write_text("".join(texts) + "\n")


def test_two_objects_on_one_line_are_both_read(tmp_path):
    glued(tmp_path, json.dumps(entry(**LOGIN)), json.dumps(entry(OTHER)))
    found = contents(open_file(tmp_path))
    assert found[id_of(VALUE)].auth == JOE
    assert found[id_of(OTHER)].auth is None


@pytest.mark.parametrize("between", ["", " ", "\t"])
@pytest.mark.parametrize("count", [2, 3])
def test_a_deletion_that_is_glued_to_another_line_deletes(tmp_path, between, count):
    write(tmp_path, entry(**LOGIN), entry(OTHER, **LOGIN))
    others = [json.dumps(entry(f"{OTHER}{n}")) for n in range(count - 1)]
    with (tmp_path / NAME).open("a") as file:
        file.write(between.join([*others, json.dumps(entry(status="deleted"))]) + "\n")
    found = contents(open_file(tmp_path))
    assert set(found) == {id_of(OTHER), *(id_of(f"{OTHER}{n}") for n in range(count - 1))}
    assert found[id_of(OTHER)].auth == JOE


@pytest.mark.parametrize(
    "ending", [{"status": "deleted"}, {"status": "modified"}], ids=["deleted", "login cleared"]
)
def test_what_ends_a_login_counts_behind_a_line_that_was_torn_off(tmp_path, ending):
    """Crossbar was killed while it wrote, and appended to that when it ran again."""
    torn = json.dumps(entry(OTHER, **LOGIN))[:-40]
    write(tmp_path, entry(**LOGIN))
    with (tmp_path / NAME).open("a") as file:
        file.write(torn + json.dumps(entry(**ending)) + "\n")
    found = contents(open_file(tmp_path))
    assert id_of(VALUE) not in found or found[id_of(VALUE)].auth is None
    assert rescued(tmp_path) != b""


def test_an_authextra_that_looks_like_a_line_logs_nobody_in(tmp_path):
    """An application may take it from its clients."""
    forged = entry("Zm9yZ2VkZm9yZ2VkZm9yZ2Vk", **{**LOGIN, "authid": "admin"})
    whole = json.dumps(entry(**LOGIN, authextra=forged))
    (tmp_path / NAME).write_text(whole + "\n" + whole[:-1] + "\n")
    found = contents(open_file(tmp_path))
    assert [cookie.auth.authid for cookie in found.values() if cookie.auth] == ["joe"]
