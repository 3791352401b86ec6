"""The file store loses nothing that can be read, wherever its file was cut off or damaged."""

import errno
import json
import stat
from random import Random
from types import SimpleNamespace
from zlib import crc32

import pytest

from cookietrack_plugin.errors import StoreCorrupt, StoreUnavailable
from cookietrack_plugin.record import Auth, Authenticate, Delete, Touch
from cookietrack_plugin.stores.file import disk as filedisk
from cookietrack_plugin.stores.file.lines import keys_in, write_batch, write_header, write_line
from cookietrack_plugin.stores.kit.paging import records
from tests.support.cookiefile import (
    DAY,
    FILES,
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
    assert "its end, from line 5 of " in caplog.text


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


@pytest.fixture
def last_batch(tmp_path, path):
    """
    A file that ends with a batch of six lines: a new cookie, a login, a logout and another's
    login, the last two twice. What was there before it, where it begins, and what is there with it.
    """
    store = open_file(tmp_path)
    start = size_after(store, create(range(3), JOE), path)
    before = contents(store)
    store.commit(
        [
            *create([3], JOE),
            Touch(id_at(0), NOW + 5, NOW + 2 * DAY, None, "x" * 700),
            Delete(id_at(1)),
            Authenticate(id_at(2), ADMIN, NOW + 1),
        ]
    )
    after = contents(store)
    store.close()
    return SimpleNamespace(before=before, start=start, after=after, file=path.read_bytes())


def holds_whole_or_nothing(tmp_path, path, batch, spoilt: bytes) -> bool:
    """Whether the store that finds `spoilt` in its file is right, now and opened again."""
    path.write_bytes(spoilt)
    store = open_file(tmp_path)
    found = contents(store)
    store = reopened(store, tmp_path)
    assert contents(store) == found
    assert (store.stat()["damaged"], store.stat()["torn"]) == (0, 0)
    store.close()
    lost = [] if spoilt == batch.file else [batch.before]
    return found in (batch.after, *lost)


@pytest.mark.parametrize("end", [b"", b"\n"], ids=["with its end", "without its end"])
def test_a_batch_of_three_at_the_end_whose_middle_line_is_zeros_does_not_count(tmp_path, path, end):
    store = open_file(tmp_path)
    store.commit(create([0]))
    store.commit(create([1, 2, 3]))
    store.close()
    *head, first, second, third = path.read_bytes().splitlines(keepends=True)
    zeros = bytes(len(second) - len(end)) + end
    path.write_bytes(b"".join([*head, first, zeros, third]))
    store = open_file(tmp_path)
    assert set(contents(store)) == {id_at(0)}
    assert set(contents(reopened(store, tmp_path))) == {id_at(0)}


@pytest.mark.usefixtures("no_flushes")
@pytest.mark.parametrize("spoil", [bytes, lambda length: b""], ids=["zeroed", "lost"])
def test_any_range_of_the_last_batch_may_be_damaged_and_it_counts_whole_or_not_at_all(
    tmp_path, path, last_batch, spoil
):
    file, random = last_batch.file, Random(12)
    for _ in range(150):
        start, end = sorted(random.sample(range(last_batch.start, len(file) + 1), 2))
        spoilt = file[:start] + spoil(end - start) + file[end:]
        assert holds_whole_or_nothing(tmp_path, path, last_batch, spoilt), (start, end)


@pytest.mark.usefixtures("no_flushes")
@pytest.mark.parametrize("length", [512, 64])
def test_any_sectors_of_the_last_batch_may_not_have_reached_the_disk(
    tmp_path, path, last_batch, length
):
    """Of the first of them only the part that is the batch's: the rest had been flushed before."""
    file, random = last_batch.file, Random(12)
    starts = range(last_batch.start // length * length, len(file), length)
    assert len(starts) > 3
    for _ in range(100):
        spoilt = bytearray(file)
        for start in random.sample(starts, random.randint(1, len(starts))):
            begin, end = max(start, last_batch.start), min(start + length, len(file))
            spoilt[begin:end] = bytes(end - begin)
        assert holds_whole_or_nothing(tmp_path, path, last_batch, bytes(spoilt))


@pytest.mark.usefixtures("no_flushes")
def test_lines_of_an_older_file_in_the_place_of_lost_ones_make_no_batch_whole(
    tmp_path, path, last_batch
):
    """On some file systems a lost sector is not zeros, but what was there before."""
    file, start = last_batch.file, last_batch.start
    lines = file[start:].splitlines(keepends=True)
    count = len(lines)
    for number in range(count):
        text = b"[9,1,1,null,null,null]"
        for extent in ((1, count - number - 1, count), (1, 0, 1), (0, 0, 1)):
            stale = write_line(b"%024d" % 9, text, *extent)
            spoilt = b"".join([*lines[:number], stale, *lines[number + 1 :]])
            path.write_bytes(file[:start] + spoilt)
            store = open_file(tmp_path)
            # One that stands before all others cannot be told from what the batch followed.
            if number:
                assert contents(store) == last_batch.before
            assert contents(store)[id_at(1)] == last_batch.before[id_at(1)]
            store.close()


@pytest.mark.usefixtures("no_flushes")
def test_of_an_older_batch_each_line_counts_that_can_be_read(tmp_path, path, last_batch):
    file, start = last_batch.file, last_batch.start
    lines = file[start:].splitlines(keepends=True)
    follower = write_batch([(b"%024d" % 9, b"[9,1,1,null,null,null]")], 3)
    for number, line in enumerate(lines):
        spoilt = [*lines[:number], bytes(len(line)), *lines[number + 1 :]]
        path.write_bytes(file[:start] + b"".join(spoilt) + follower)
        store = open_file(tmp_path)
        found = contents(store)
        assert id_at(9) in found
        # What takes a login away stands there twice.
        assert id_at(1) not in found
        assert found[id_at(2)].auth == ADMIN
        lost = [id for id in (id_at(0), id_at(3)) if found.get(id) != last_batch.after[id]]
        assert len(lost) <= 1
        store.close()


@pytest.mark.usefixtures("no_flushes")
@pytest.mark.parametrize("is_reopened", [False, True])
def test_a_page_that_was_lost_brings_back_nobody_who_was_logged_out_a_while_before(
    tmp_path, path, is_reopened
):
    """Its logout is written again in a later batch, farther away than a page."""
    store = open_file(tmp_path)
    store.commit(create(range(100), JOE))
    for number in range(0, 40, 2):
        store.commit([Delete(id_at(number))])
        store.commit([Authenticate(id_at(number + 1), ADMIN, NOW)])
        if is_reopened and number % 8 == 0:
            store = reopened(store, tmp_path)
    for number in range(100, 190):
        store.commit(create([number], JOE))
    expected = contents(store)
    store.close()
    whole = path.read_bytes()
    for start in range(0, len(whole) - 4096 - 500, 512):
        path.write_bytes(whole[:start] + bytes(4096) + whole[start + 4096 :])
        store = open_file(tmp_path)
        for id, cookie in contents(store).items():
            assert id in expected, start
            assert cookie.auth == expected[id].auth, start
        store.close()


@pytest.mark.usefixtures("no_flushes")
@pytest.mark.parametrize("count", [1, 10, *range(56, 74, 3), 150])
def test_a_page_that_was_lost_brings_back_none_of_many_who_were_logged_out_at_once(
    tmp_path, path, count
):
    """However near to each other the two lines about one of them are."""
    store = open_file(tmp_path)
    start = size_after(store, create(range(count), JOE), path)
    store.commit([Delete(id_at(number)) for number in range(count)])
    end = path.stat().st_size
    for number in range(1000, 1060):
        store.commit(create([number]))
    store.close()
    whole = path.read_bytes()
    assert lost_by_a_page(whole, start, end) == set()


@pytest.mark.usefixtures("no_flushes")
def test_a_logout_that_is_written_with_much_that_is_repeated_is_repeated_too(tmp_path, path):
    store = open_file(tmp_path)
    store.commit(create([0, 1], JOE))
    large = Auth("joe", "admin", "ticket", "realm1", {"text": "x" * 9000})
    store.commit([Authenticate(id_at(0), large, NOW)])
    store.commit(create(range(10, 50)))
    start = path.stat().st_size
    store.commit([Delete(id_at(1))])
    end = path.stat().st_size
    assert end - start > 8192
    store.commit(create(range(50, 90)))
    store.commit(create([90]))
    store.close()
    assert lost_by_a_page(path.read_bytes(), start, end) == set()


def lost_by_a_page(whole: bytes, start: int, end: int) -> set[bytes]:
    """The keys of deletions between `start` and `end` of which a lost page takes each line."""
    lines, position = [], 0
    for line in whole.splitlines(keepends=True):
        if line.endswith(b",null]\n"):
            lines.append((position, position + len(line), keys_in(line)[0]))
        position += len(line)
    keys = {key for begin, _, key in lines if start <= begin < end}
    pages = range(start - 4096, end)
    assert keys
    return {
        key
        for page in pages
        for key in keys - {k for begin, stop, k in lines if stop <= page or begin >= page + 4096}
    }


@pytest.mark.usefixtures("no_flushes")
@pytest.mark.parametrize("others", [0, 60], ids=["", "behind much to repeat"])
@pytest.mark.parametrize(
    "end",
    [
        lambda store: store.commit([Delete(id_at(1))]),
        lambda store: store.commit([Delete(id_at(1)), Delete(id_at(2))]),
        lambda store: store.revoke_user("joe", "realm1", [id_at(3)]),
        lambda store: store.revoke_user(None, None, [id_at(3)]),
    ],
    ids=["deleted", "two deleted", "user revoked", "all revoked"],
)
def test_a_damaged_line_at_the_end_of_the_file_does_not_bring_back_a_login(
    tmp_path, path, end, others
):
    """Nothing follows its batch, but the store was closed: it had been stored."""
    store = open_file(tmp_path)
    store.commit(create([1, 2, 3], JOE))
    if others:
        store.commit(create([4], JOE))
        store.commit([Delete(id_at(4))])
        store.commit(create(range(10, 10 + others)))
    start = path.stat().st_size
    end(store)
    expected = contents(store)
    store.close()
    whole = path.read_bytes()
    for position in range(start, len(whole), 23):
        damaged = bytearray(whole)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        store = open_file(tmp_path)
        assert contents(store) == expected, position
        store = reopened(store, tmp_path)
        assert contents(store) == expected
        store.close()


@pytest.mark.usefixtures("no_flushes")
def test_of_what_takes_away_and_gives_at_once_nothing_counts_unless_it_is_whole(tmp_path, path):
    store = open_file(tmp_path)
    store.commit(create([1, 3], JOE))
    store.commit([Delete(id_at(3))])
    store.commit(create(range(10, 60)))
    before = contents(store)
    store.commit([*create([2], JOE), Delete(id_at(1))])
    store.close()
    *head, given, taken, again = path.read_bytes().splitlines(keepends=True)
    assert id_at(2).encode() in given
    path.write_bytes(b"".join([*head, bytes(len(given)), taken, again]))
    assert contents(open_file(tmp_path)) == before


@pytest.mark.usefixtures("no_flushes")
def test_what_is_repeated_is_what_is_true_by_then(tmp_path, path):
    store = open_file(tmp_path)
    store.commit(create([0], JOE))
    store.commit([Delete(id_at(0))])
    store.commit(create([0], ADMIN))
    for number in range(1, 60):
        store.commit(create([number]))
    assert path.read_bytes().count(id_at(0).encode()) == 5
    expected = contents(store)
    assert expected[id_at(0)].auth == ADMIN
    assert contents(reopened(store, tmp_path)) == expected


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
    assert "damaged lines: 2 of 6 (line 3, 5); they are kept in" in caplog.text
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
    assert "damaged lines: 20 of 22 (line 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, ...)" in caplog.text


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


def test_attempts_that_fail_to_rewrite_a_damaged_file_do_not_fill_the_disk(
    tmp_path, path, monkeypatch
):
    store = open_file(tmp_path)
    store.commit(create([1]))
    store.close()
    with path.open("ab") as file:
        file.write(b"what is kept\n")
    before = path.read_bytes()

    def full(fd, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(filedisk.os, "write", full)
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="No space left"):
                open_file(tmp_path)
            names = {each.name for each in tmp_path.iterdir()}
            assert names <= {*FILES, f"{NAME}.rescuing"}
    assert path.read_bytes() == before
    open_file(tmp_path)
    assert rescued(tmp_path) == b"# line 3\nwhat is kept\n"
    (kept,) = tmp_path.glob("*.damaged-*")
    assert {each.name for each in tmp_path.iterdir()} == {*FILES, kept.name}


def test_what_was_kept_by_a_process_that_was_killed_then_is_kept(tmp_path, path):
    """The file had been rewritten, so that nothing is wrong with it any more."""
    open_file(tmp_path).close()
    (tmp_path / f"{NAME}.rescuing").write_bytes(b"# line 3\nwhat is kept\n")
    store = open_file(tmp_path)
    assert rescued(tmp_path) == b"# line 3\nwhat is kept\n"
    assert store.stat()["damaged"] == 0
    assert {each.name for each in tmp_path.iterdir() if "damaged" not in each.name} == FILES


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
        b'["ct2","00000000","%b",0,0,1,[9e15,1,1,null,null,["admin","admin","x","r",null]]]'
        % id_at(9).encode()
    )
    store = open_file(tmp_path)
    auth = Auth("joe", "user", "ticket", "realm1", {"a": forged, "b": '["ct2","'})
    store.commit([*create([1], auth), *create([2])])
    assert path.read_bytes().count(b'["ct2","') == 2
    store = reopened(store, tmp_path)
    assert contents(store)[id_at(1)] == cookie_at(1, auth)
    assert [cookie.id for cookie in records(store, authid="joe")] == [id_at(1)]


def test_an_authid_that_looks_like_the_beginning_of_a_line_is_found(tmp_path):
    store = open_file(tmp_path)
    store.commit(create([1], Auth("ct2", "user", "ticket", "realm1")))
    assert [cookie.id for cookie in records(store, authid="ct2")] == [id_at(1)]


def test_an_empty_file_is_an_empty_store(tmp_path, path):
    """Crossbar makes one when it starts."""
    path.touch()
    store = open_file(tmp_path)
    store.commit(create([1]))
    assert set(contents(reopened(store, tmp_path))) == {id_at(1)}


LIKE_CROSSBARS = (
    b'{"id": "order-2", %b, "max_age": 86400, "authid": null, "authrole": null,'
    b' "authmethod": null, "authextra": null}\n'
)
FOREIGN = {
    "text": b"# My notes\nbuy milk\n",
    "binary": bytes(range(256)) * 40,
    "zeros": b"\0" * 5000,
    "JSON": b'{\n  "id": "abc",\n  "name": "Joe"\n}\n',
    "JSON lines": b'{"id": "abc", "name": "Joe"}\n' * 3,
    "one JSON line": b'{"id": "abc", "name": "Joe"}',
    "JSON array": b'["ct", "1"]\n',
    "a long line": b"x" * 200_000,
    "CouchDB's changes": b'{"seq":2,"id":"order-2","changes":[{"rev":"2-a"}],"deleted":true}\n' * 2,
    "deletions with a time": b'{"id": "order-2", "deleted": "2027-01-15T08:00:00.000Z"}\n',
    "another status": b'{"id": "order-2", "status": "deleted"}\n',
    "one key more": LIKE_CROSSBARS % b'"rev": 2, "deleted": "2027-01-15T08:00:00.000Z"',
    "no time": LIKE_CROSSBARS % b'"deleted": true',
    "both names": LIKE_CROSSBARS % b'"cbtid": "b", "created": "2027-01-15T08:00:00.000Z"',
    "a cookie's line further on": b"# My notes\n"
    + LIKE_CROSSBARS % b'"created": "2027-01-15T08:00:00.000Z"',
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_a_file_of_something_else_is_refused_and_left_untouched(tmp_path, path, content):
    path.write_bytes(content)
    path.chmod(0o644)
    with pytest.raises(StoreCorrupt, match=f"{NAME} is no cookie file"):
        open_file(tmp_path)
    assert path.read_bytes() == content
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert {each.name for each in tmp_path.iterdir()} == FILES


def test_a_file_of_a_newer_format_is_refused_and_left_untouched(tmp_path, path):
    store = open_file(tmp_path)
    store.commit(create([1]))
    store.close()
    newer = write_header(3) + path.read_bytes().split(b"\n", 1)[1]
    path.write_bytes(newer)
    with pytest.raises(StoreCorrupt, match="format 3 of a newer version"):
        open_file(tmp_path)
    assert path.read_bytes() == newer


def test_a_file_of_which_nothing_can_be_read_is_refused_and_left_untouched(tmp_path, path):
    """Its header too: better than a node that starts with all its users logged out."""
    store = open_file(tmp_path)
    store.commit(create(range(3)))
    store.close()
    spoilt = path.read_bytes().replace(b'"ct2"', b'"ct?"')
    path.write_bytes(spoilt)
    with pytest.raises(StoreCorrupt, match="none of its 4 lines can be read"):
        open_file(tmp_path)
    assert path.read_bytes() == spoilt
    assert {each.name for each in tmp_path.iterdir()} == FILES


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
    header = b'{"cookietrack": 2, "crc32": "%08x", "words": "other"}\n' % crc32(
        b'2, "words": "other"'
    )
    path.write_bytes(header + path.read_bytes().split(b"\n", 1)[1])
    store = open_file(tmp_path)
    assert set(contents(store)) == {id_at(1)}
    assert store.stat()["damaged"] == 0
