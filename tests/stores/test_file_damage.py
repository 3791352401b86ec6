"""The file store loses nothing that can be read, wherever its file was cut off or damaged."""

import json
import stat
from zlib import crc32

import pytest

from cookietrack_plugin.errors import StoreCorrupt
from cookietrack_plugin.record import Auth, Authenticate, Delete
from cookietrack_plugin.stores.file.lines import write_header
from tests.support.cookiefile import (
    JOE,
    NAME,
    NOW,
    closed_stores,  # noqa: F401
    contents,
    cookie_at,
    create,
    id_at,
    no_flushes,  # noqa: F401
    open_file,
    reopened,
    rescued,
)

ADMIN = Auth("joe", "admin", "ticket", "realm1")


@pytest.fixture
def path(tmp_path):
    return tmp_path / NAME


def size_after(store, changes, path) -> int:
    store.commit(changes)
    return path.stat().st_size


@pytest.mark.usefixtures("no_flushes")
def test_a_batch_that_was_torn_at_any_byte_counts_whole_or_not_at_all(tmp_path, path, caplog):
    store = open_file(tmp_path)
    size = size_after(store, create(range(3), JOE), path)
    before = contents(store)
    store.commit([*create([3]), Delete(id_at(0)), Authenticate(id_at(1), ADMIN, NOW + 1)])
    after = contents(store)
    store.close()
    whole = path.read_bytes()
    for length in range(size, len(whole)):
        path.write_bytes(whole[:length])
        store = open_file(tmp_path)
        # Without its last line end, the last line is all there.
        assert contents(store) == (before if length < len(whole) - 1 else after), length
        assert (store.stat()["torn"] > 0) == (size < length < len(whole) - 1)
        store.close()
    # The header and three lines stand in front of it.
    assert "(from line 5) are a batch that was cut off" in caplog.text


def test_a_batch_whose_end_is_damaged_is_not_taken_for_a_part_of_a_torn_one(tmp_path, path):
    store = open_file(tmp_path)
    store.commit(create([1, 2]))
    store.commit(create([3, 4]))
    store.close()
    header, first, second, third, fourth = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(header + first + second.replace(b"Mozilla", b"Godzilla") + third + fourth[:50])
    store = open_file(tmp_path)
    assert set(contents(store)) == {id_at(1)}
    assert (store.stat()["damaged"], store.stat()["torn"]) == (1, 2)


def test_a_batch_that_was_torn_is_cut_off_without_writing_the_file_anew(tmp_path, path):
    """However large the file is, and however little room there is on the disk."""
    store = open_file(tmp_path)
    size = size_after(store, create(range(2)), path)
    store.commit(create(range(2, 5)))
    store.close()
    inode, whole = path.stat().st_ino, path.read_bytes()
    for length in (size + 1, len(whole) - 250, len(whole) - 10):
        path.write_bytes(whole[:length])
        open_file(tmp_path).close()
        assert path.read_bytes() == whole[:size]
    assert path.stat().st_ino == inode


@pytest.mark.parametrize("text", [b"\n", b"  \n", write_header()], ids=ascii)
def test_lines_that_say_nothing_do_not_put_the_cut_to_a_wrong_place(tmp_path, path, text):
    store = open_file(tmp_path)
    store.commit(create([1]))
    store.commit(create([2, 3, 4]))
    store.close()
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], text, lines[3], text, lines[4][:30]]))
    store = open_file(tmp_path)
    assert set(contents(store)) >= {id_at(1)}
    store.commit(create([5, 6]))
    store = reopened(store, tmp_path)
    assert set(contents(store)) >= {id_at(1), id_at(5), id_at(6)}
    assert store.stat()["damaged"] == 0


def test_what_was_torn_off_is_kept_beside_the_file(tmp_path, path):
    store = open_file(tmp_path)
    size = size_after(store, create(range(3)), path)
    store.commit(create(range(3, 6)))
    store.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    open_file(tmp_path).close()
    kept = b"".join(
        line + b"\n" for line in rescued(tmp_path).splitlines() if not line.startswith(b"# ")
    )
    assert kept == whole[size:-40] + b"\n"


def test_a_store_goes_on_behind_a_batch_that_was_torn(tmp_path, path):
    store = open_file(tmp_path)
    store.commit(create(range(2)))
    store.commit(create(range(2, 5)))
    store.close()
    path.write_bytes(path.read_bytes()[:-100])
    store = open_file(tmp_path)
    assert list(store.commit(create(range(5)))) == [False] * 2 + [True] * 3
    store = reopened(store, tmp_path)
    assert set(contents(store)) == {id_at(number) for number in range(5)}
    assert store.stat()["torn"] == 0


def test_a_tail_of_zeros_is_a_torn_batch(tmp_path, path):
    """What a power cut leaves where the file's length was on disk before its data."""
    store = open_file(tmp_path)
    size = size_after(store, create(range(2)), path)
    store.commit(create(range(2, 5)))
    store.close()
    whole = path.read_bytes()
    for start in (size, size + 1, len(whole) - 200, len(whole) - 1):
        path.write_bytes(whole[:start].ljust(len(whole), b"\0"))
        store = open_file(tmp_path)
        assert set(contents(store)) <= {id_at(0), id_at(1)} or start == len(whole) - 1
        assert {id_at(0), id_at(1)} <= set(contents(store))
        store.close()


@pytest.mark.usefixtures("no_flushes")
def test_any_byte_of_a_file_may_be_damaged_at_the_cost_of_its_own_line(tmp_path, path):
    store = open_file(tmp_path)
    store.commit(create([0], JOE))
    store.commit(create([1, 2], JOE))
    store.commit(create([3], JOE))
    store.close()
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    position = 0
    for number, line in enumerate(lines[:-1]):
        for offset in range(len(line)):
            damaged = bytearray(whole)
            damaged[position + offset] ^= 0x15
            path.write_bytes(damaged)
            store = open_file(tmp_path)
            lost = {id_at(n) for n in range(4)} - set(contents(store))
            # A damaged line end loses nothing; nor does a damaged header.
            is_end = offset == len(line) - 1
            assert lost == (set() if number == 0 or is_end else {id_at(number - 1)})
            assert store.stat()["damaged"] == 1
            store.close()
        position += len(line)


def test_a_damaged_line_is_reported_with_its_number_and_kept(tmp_path, path, caplog):
    store = open_file(tmp_path)
    for number in range(5):
        store.commit(create([number]))
    store.close()
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b"Mozilla", b"Godzilla")
    lines[4] = b"\0\xff" * 20 + b"\n"
    path.write_bytes(b"".join(lines))
    store = open_file(tmp_path)
    assert "2 damaged lines of 6 (line 3, 5) cannot be read" in caplog.text
    assert store.stat()["damaged"] == 2
    assert set(contents(store)) == {id_at(0), id_at(2), id_at(4)}
    assert rescued(tmp_path) == b"# line 3\n" + lines[2] + b"# line 5\n" + lines[4]
    assert str(next(tmp_path.glob("*.damaged-*"))) in caplog.text


def test_only_the_first_of_many_damaged_lines_are_named(tmp_path, path, caplog):
    store = open_file(tmp_path)
    store.commit(create([0]))
    store.close()
    with open(path, "ab") as file:
        file.write(b"?\n" * 20)
    open_file(tmp_path)
    assert "20 damaged lines of 22 (line 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, ...)" in caplog.text


def test_damage_is_reported_once(tmp_path, path, caplog):
    open_file(tmp_path).close()
    with open(path, "ab") as file:
        file.write(b"?\n")
    store = open_file(tmp_path)
    caplog.clear()
    assert reopened(store, tmp_path).stat()["damaged"] == 0
    assert caplog.text == ""


def test_what_was_kept_of_one_damage_is_not_overwritten_by_the_next(tmp_path, path):
    for text in (b"first\n", b"second\n"):
        open_file(tmp_path).close()
        with open(path, "ab") as file:
            file.write(text)
    open_file(tmp_path)
    kept = list(tmp_path.glob(f"{NAME}.damaged-*"))
    assert len(kept) == 2
    assert b"first" in rescued(tmp_path)
    assert b"second" in rescued(tmp_path)
    assert {stat.S_IMODE(each.stat().st_mode) for each in kept} == {0o600}


@pytest.mark.parametrize(
    "end",
    [
        lambda store: store.commit([Delete(id_at(1))]),
        lambda store: store.commit([Authenticate(id_at(1), ADMIN, NOW)]),
        lambda store: store.revoke_user("joe", "realm1", [id_at(2)]),
        lambda store: store.revoke_user(None, None, [id_at(2)]),
    ],
    ids=["deleted", "other login", "user revoked", "all revoked"],
)
def test_one_damaged_line_does_not_bring_back_a_login(tmp_path, path, end):
    store = open_file(tmp_path)
    start = size_after(store, create([1, 2], JOE), path)
    end(store)
    end = path.stat().st_size
    store.commit(create([3]))
    expected = contents(store)
    store.close()
    whole = path.read_bytes()
    lines = whole[start:end].splitlines(keepends=True)
    for number in range(len(lines)):
        damaged = [b"?\n" if n == number else line for n, line in enumerate(lines)]
        path.write_bytes(whole[:start] + b"".join(damaged) + whole[end:])
        store = open_file(tmp_path)
        assert contents(store) == expected
        store.close()


def test_a_line_inside_a_line_is_data(tmp_path, path):
    """An authextra that holds a line of ours must not be read as one when its own is damaged."""
    forged = json.loads(
        b'["ct1","00000000","%b",0,[9e15,1,1,null,null,["admin","admin","x","r",null]]]'
        % id_at(9).encode()
    )
    store = open_file(tmp_path)
    auth = Auth("joe", "user", "ticket", "realm1", {"a": forged, "b": '["ct1","'})
    store.commit([*create([1], auth), *create([2])])
    assert path.read_bytes().count(b'["ct1","') == 2
    store = reopened(store, tmp_path)
    assert contents(store)[id_at(1)] == cookie_at(1, auth)
    assert [cookie.id for cookie in store.scan(authid="joe")] == [id_at(1)]


def test_an_authid_that_looks_like_the_beginning_of_a_line_is_found(tmp_path):
    store = open_file(tmp_path)
    store.commit(create([1], Auth("ct1", "user", "ticket", "realm1")))
    assert [cookie.id for cookie in store.scan(authid="ct1")] == [id_at(1)]


def test_an_empty_file_is_an_empty_store(tmp_path, path):
    """Crossbar makes one when it starts."""
    path.touch()
    store = open_file(tmp_path)
    store.commit(create([1]))
    assert set(contents(reopened(store, tmp_path))) == {id_at(1)}


FOREIGN = {
    "text": b"# My notes\nbuy milk\n",
    "binary": bytes(range(256)) * 40,
    "zeros": b"\0" * 5000,
    "JSON": b'{\n  "id": "abc",\n  "name": "Joe"\n}\n',
    "JSON lines": b'{"id": "abc", "name": "Joe"}\n' * 3,
    "one JSON line": b'{"id": "abc", "name": "Joe"}',
    "JSON array": b'["ct", "1"]\n',
    "a long line": b"x" * 200_000,
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_a_file_of_something_else_is_refused_and_left_untouched(tmp_path, path, content):
    path.write_bytes(content)
    path.chmod(0o644)
    with pytest.raises(StoreCorrupt, match=f"{NAME} is no cookie file"):
        open_file(tmp_path)
    assert path.read_bytes() == content
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert {each.name for each in tmp_path.iterdir()} == {NAME, f"{NAME}.lock"}


def test_a_file_of_a_newer_format_is_refused_and_left_untouched(tmp_path, path):
    store = open_file(tmp_path)
    store.commit(create([1]))
    store.close()
    newer = write_header(2) + path.read_bytes().split(b"\n", 1)[1]
    path.write_bytes(newer)
    with pytest.raises(StoreCorrupt, match="format 2 of a newer version"):
        open_file(tmp_path)
    assert path.read_bytes() == newer


def test_a_file_of_which_nothing_can_be_read_is_refused_and_left_untouched(tmp_path, path):
    """Its header too: better than a node that starts with all its users logged out."""
    store = open_file(tmp_path)
    store.commit(create(range(3)))
    store.close()
    spoilt = path.read_bytes().replace(b'"ct1"', b'"ct?"')
    path.write_bytes(spoilt)
    with pytest.raises(StoreCorrupt, match="none of its 4 lines can be read"):
        open_file(tmp_path)
    assert path.read_bytes() == spoilt
    assert {each.name for each in tmp_path.iterdir()} == {NAME, f"{NAME}.lock"}


def test_a_store_that_was_refused_is_not_locked(tmp_path, path):
    path.write_bytes(b"buy milk\n")
    for _ in range(2):
        with pytest.raises(StoreCorrupt):
            open_file(tmp_path)
    path.unlink()
    open_file(tmp_path)


def test_a_header_with_other_words_is_one_all_the_same(tmp_path, path):
    """The words are for people, and may be others in the next version."""
    store = open_file(tmp_path)
    store.commit(create([1]))
    store.close()
    header = b'{"cookietrack": 1, "crc32": "%08x", "words": "other"}\n' % crc32(
        b'1, "words": "other"'
    )
    path.write_bytes(header + path.read_bytes().split(b"\n", 1)[1])
    store = open_file(tmp_path)
    assert set(contents(store)) == {id_at(1)}
    assert store.stat()["damaged"] == 0
