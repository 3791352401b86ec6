"""The parts of the file store, each against a model of what it is for."""

import json
from base64 import b64encode
from collections.abc import Callable
from io import BytesIO

import cbor2
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from cookietrack_plugin.record import Auth, Cookie, Create, Delete
from cookietrack_plugin.stores.file import table as filetable
from cookietrack_plugin.stores.file.encoding import NEVER, decode, encode, expires_of, to_id, to_key
from cookietrack_plugin.stores.file.expiry import ExpiryQueue
from cookietrack_plugin.stores.file.lines import (
    GONE,
    Extent,
    read_line,
    read_lines,
    write_batch,
    write_line,
)
from cookietrack_plugin.stores.file.table import FileTable
from cookietrack_plugin.stores.kit.throttle import WORK_S, Throttle
from cookietrack_plugin.testing.checks.model import StoreHistory
from tests.support.cookiefile import (  # noqa: F401
    NAME,
    closed_stores,
    contents,
    cookie_at,
    create,
    id_at,
    no_flushes,
    open_file,
)

# Bytes that reach a disk together, or do not: few, as the batches are small.
SECTOR = 64
KEYS = [b"%024d" % number for number in range(8)]
# Four buckets, their borders among them.
BORDERS = [number * 65536 + offset for number in range(5) for offset in (-1, 0, 1)]
TIMES = st.integers(-1, 4 * 65536) | st.sampled_from(BORDERS)


class ExpiryHistory(RuleBasedStateMachine):
    """An order of expiry, and beside it when each record really expires."""

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[bytes, int] = {}
        self.queue = ExpiryQueue(self.records.get, Throttle(0))

    @rule(key=st.sampled_from(KEYS), expires=TIMES)
    def put(self, key: bytes, expires: int) -> None:
        old = self.records.get(key)
        self.records[key] = expires
        if old is None or expires < old:
            self.queue.add(key, expires)

    @rule(key=st.sampled_from(KEYS))
    def remove(self, key: bytes) -> None:
        self.records.pop(key, None)

    @rule(now=TIMES, limit=st.integers(1, 9), are_removed=st.booleans())
    def take(self, now: int, limit: int, are_removed: bool) -> None:
        due = {key for key, expires in self.records.items() if expires <= now}
        taken = self.queue.take(now, limit)
        assert set(taken) <= due
        assert len(taken) == len(set(taken)) == min(limit, len(due))
        for key in taken:
            expires = self.records.pop(key)
            if not are_removed:
                self.put(key, expires)


def test_what_is_due_is_taken_once_whatever_happened_to_the_records():
    run_state_machine_as_test(ExpiryHistory, settings=settings(max_examples=150, deadline=None))


class CutHistory(StoreHistory):
    """The kit's history of a store, with power cuts that tear the last batch."""

    def __init__(self, directory) -> None:
        super().__init__(lambda: open_file(directory), durable=True)
        self.path = directory / NAME

    @rule(numbers=st.lists(st.integers(0, 5), min_size=1, max_size=4), share=st.floats(0, 1))
    def commit_and_cut(self, numbers: list[int], share: float) -> None:
        def cut(whole: bytes, before: int) -> tuple[bytes, bool]:
            length = before + int(share * (len(whole) - before))
            return whole[:length], length >= len(whole) - 1

        self._commit_and_spoil(numbers, cut)

    @rule(
        numbers=st.lists(st.integers(0, 5), min_size=1, max_size=4),
        lost=st.sets(st.integers(0, 9)),
    )
    def commit_and_lose_sectors(self, numbers: list[int], lost: set[int]) -> None:
        def lose(whole: bytes, before: int) -> tuple[bytes, bool]:
            spoilt = bytearray(whole)
            for start in (before + number * SECTOR for number in lost):
                end = min(start + SECTOR, len(whole))
                spoilt[start:end] = bytes(max(0, end - start))
            # A line end alone may be lost.
            is_whole = spoilt[:-1] == whole[:-1]
            return bytes(spoilt), is_whole

        self._commit_and_spoil(numbers, lose)

    def _commit_and_spoil(
        self, numbers: list[int], spoil: Callable[[bytes, int], tuple[bytes, bool]]
    ) -> None:
        """:param spoil: what is left of a file that was so long before, and if the batch is."""
        before, held = self.path.stat().st_size, dict(self.held)
        self.commit([Delete(id_at(n)) if n % 2 else Create(cookie_at(n)) for n in numbers])
        self.store.close()
        spoilt, is_whole = spoil(self.path.read_bytes(), before)
        self.path.write_bytes(spoilt)
        after = self.held
        if not is_whole:
            self.held = held
        self.store = self._open_store()
        # What does nothing but delete is written twice, and once is enough.
        if after.items() < held.items() and contents(self.store) == after:
            self.held = after


@pytest.mark.usefixtures("no_flushes")
def test_a_history_with_power_cuts_leads_to_what_the_contract_says(tmp_path):
    run_state_machine_as_test(
        lambda: CutHistory(tmp_path),
        settings=settings(max_examples=40, stateful_step_count=15, deadline=None),
    )


texts = st.text() | st.just('["ct2","')
lines = st.tuples(texts, st.binary(max_size=50).filter(lambda text: b"\n" not in text))


NO_IDS = ["", "\ud800", "\0", "é", "\n", '"', "\\", "+" * 24, "x" * 23, "x" * 100_000]


@pytest.mark.parametrize("id", NO_IDS)
def test_what_is_no_id_is_absent(tmp_path, id):
    """A client may call anything its cookie."""
    store = open_file(tmp_path)
    assert store.load([id]) == {}
    store.commit([Create(cookie_at(1))])
    assert set(store.load([id, id_at(1)])) == {id_at(1)}
    assert store.commit([Delete(id)]) == [False]


@pytest.mark.parametrize("id", NO_IDS)
@pytest.mark.parametrize("is_apart", [False, True])
def test_a_record_whose_id_is_none_is_refused_with_its_batch(tmp_path, id, is_apart):
    store = open_file(tmp_path)
    store.commit(create([1]))
    batch = [*create([2]), Create(evolve(cookie_at(3), id=id))]
    with pytest.raises(ValueError, match="id"):
        (store.begin if is_apart else store.commit)(batch)
    assert set(contents(store)) == {id_at(1)}
    assert store.commit(create([2])) == [True]


@pytest.mark.parametrize("id", NO_IDS)
def test_a_line_about_what_is_no_id_makes_no_record_of_it(tmp_path, id):
    store = open_file(tmp_path)
    store.commit(create([1]))
    store.close()
    with (tmp_path / NAME).open("ab") as file:
        file.write(write_line(to_key(id), b"[9,1,1,null,null,null]", batch=2))
    store = open_file(tmp_path)
    assert store.load([id]) == {}
    assert store.commit([Delete(id)]) == [False]


@pytest.mark.parametrize("cursor", ["41", "00", "4142", "zz", "", "4", "3130 31", "31303A"])
def test_a_cursor_that_no_page_gives_is_refused(tmp_path, cursor):
    store = open_file(tmp_path)
    store.commit(create([1, 2]))
    _, given = store.page(None, 1)
    assert store.page(given, 5)[0]
    with pytest.raises(ValueError):
        store.page(cursor, 1)


@given(texts)
def test_any_text_is_an_id(id):
    key = to_key(id)
    assert to_id(key) == id
    assert not set(b'"\n') & set(key)


@given(st.lists(lines, max_size=5))
def test_a_batch_is_read_as_it_was_written(batch):
    states = [(to_key(id), text) for id, text in batch]
    raw = BytesIO(write_batch(states, 7)).readlines()
    count = len(states)
    extents = [Extent(7, left, count) for left in range(count - 1, -1, -1)]
    expected = list(zip(states, extents, strict=True))
    assert [read_line(each) for each in raw] == expected
    assert read_lines(raw) == expected
    assert read_lines([*raw, b"damaged\n"]) is None


@given(st.binary(max_size=80), st.integers(0, 100), st.binary(max_size=3))
def test_a_line_that_was_altered_is_none(text, position, instead):
    raw = write_line(KEYS[0], text.replace(b"\n", b""))
    altered = raw[:position] + instead + raw[position + 1 :]
    assert read_line(altered) in (None, read_line(raw))
    assert read_line(altered) is None or altered.rstrip(b"\n") == raw.rstrip(b"\n")


@pytest.mark.parametrize(
    "extra",
    [{"a": b"\0\xff"}, {"a": [b""], "b": {"c": "text"}}, {"a": {"b": (1, b"2")}}],
    ids=str,
)
def test_bytes_in_an_authextra_come_back(extra):
    """As WAMP transports them over CBOR and MessagePack."""
    cookie = cookie_at(1, Auth("joe", "user", "ticket", "realm1", extra))
    found = decode(to_key(cookie.id), encode(cookie))
    assert found == cookie or found.auth.authextra == {"a": {"b": [1, b"2"]}}


@pytest.mark.parametrize("leaf", [1, b"1"])
@pytest.mark.parametrize("depth", [300, 2000])
def test_what_is_nested_so_deeply_that_it_could_not_be_read_is_refused(leaf, depth):
    extra = {"a": leaf}
    for _ in range(depth):
        extra = {"a": [extra]}
    cookie = cookie_at(1, Auth("joe", "user", "ticket", "realm1", extra))
    try:
        text = encode(cookie)
    except ValueError:
        return
    assert decode(to_key(cookie.id), text) == cookie


@pytest.mark.parametrize(
    "text", [b"", b"null", b"{}", b"[]", b"[1]", b"\xff", b"[x,", b"[1,2,3,null,null,[1]]"]
)
def test_what_is_no_record_is_none(text):
    assert decode(KEYS[0], text) is None


@pytest.mark.parametrize("text", [b"", b"null", b"[]", b"[1]", b"\xff", b"[x,2]", b'["1",2]'])
def test_what_has_no_expiry_never_expires(text):
    assert expires_of(text) == NEVER


@given(st.builds(Cookie, st.just(id_at(1)), *[st.integers(0, 2**53)] * 3, st.none() | texts))
def test_the_expiry_is_told_without_decoding(cookie):
    assert expires_of(encode(cookie)) == cookie.expires


def test_a_walk_pauses_for_other_threads_when_it_has_worked_for_a_while(monkeypatch):
    seconds = iter(range(10**6))
    pauses = []
    monkeypatch.setattr(
        filetable, "Throttle", lambda pause: Throttle(pause, lambda: next(seconds), pauses.append)
    )
    table = FileTable()
    table.fill((b"%024d" % number, b"[1,2]") for number in range(1000))
    steps = list(table.walk())
    assert sum(map(len, steps)) == 1000
    assert len(pauses) == len(steps)
    assert min(pauses) > 0


def test_a_commit_between_two_look_ups_of_one_load_is_seen_by_both(monkeypatch):
    table = FileTable()
    table.fill([(KEYS[0], b"[1,0]"), (KEYS[1], b"[1,0]"), (KEYS[2], b"[1,0]")])
    get = FileTable.get
    commits = iter([[(KEYS[0], b"[2,0]"), (KEYS[1], b"[2,0]"), (KEYS[2], GONE)]])

    def get_and_commit(self, key):
        text = get(self, key)
        for states in commits:
            table.commit(states)
        return text

    monkeypatch.setattr(FileTable, "get", get_and_commit)
    assert table.load(KEYS[:4]) == {KEYS[0]: b"[2,0]", KEYS[1]: b"[2,0]"}


def test_a_table_knows_what_its_records_take_in_a_file():
    table = FileTable()
    states = [(b"%024d" % number, b"[%d,2]" % number) for number in range(50)]
    table.fill(states)
    table.commit([(KEYS[0], GONE), (KEYS[1], b"[1,2,3]"), (b"absent", GONE)])
    expected = b"".join(write_line(key, text) for key, text in dict(states[2:]).items())
    assert table.count == 49
    assert table.live == len(expected) + len(write_line(KEYS[1], b"[1,2,3]"))


def test_passing_over_many_that_are_gone_leaves_the_interpreter_to_others():
    """Otherwise a reactor waits for it, as long as that takes."""
    seconds, pauses = 0.0, []

    def looked_at(key: bytes) -> None:
        nonlocal seconds
        seconds += WORK_S / 2

    queue = ExpiryQueue(looked_at, Throttle(0.25, lambda: seconds, pauses.append))
    for key in KEYS:
        queue.add(key, 1)
    assert queue.take(2, limit=1) == []
    assert pauses == [0.25] * (len(KEYS) // 3)


def test_without_a_pause_nobody_waits():
    pauses: list[float] = []
    times = iter([0.0, 2 * WORK_S])
    Throttle(0, lambda: next(times), pauses.append).pause_if_due()
    assert pauses == []


@pytest.mark.parametrize("extra", [[], [1], 5, b"bytes", True], ids=repr)
def test_an_authextra_that_is_no_mapping_is_neither_written_nor_read(extra):
    cookie = Cookie("A" * 24, 1, 2, 3, auth=Auth("joe", "user", "ticket", "realm1", {"a": 1}))
    text = encode(cookie)
    assert decode(to_key(cookie.id), text) == cookie
    changed = text.replace(b'{"a":1}', json.dumps(b64encode(cbor2.dumps(extra)).decode()).encode())
    assert changed != text
    assert decode(to_key(cookie.id), changed) is None
    assert decode(to_key(cookie.id), text.replace(b'{"a":1}', b"[1]")) is None
    with pytest.raises(ValueError, match="no mapping"):
        encode(evolve(cookie, auth=evolve(cookie.auth, authextra=extra)))
