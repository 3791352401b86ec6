"""The parts of the file store, each against a model of what it is for."""

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from cookietrack_plugin.record import Auth, Cookie, Create, Delete
from cookietrack_plugin.stores.file import table as filetable
from cookietrack_plugin.stores.file.encoding import NEVER, decode, encode, expires_of, to_id, to_key
from cookietrack_plugin.stores.file.expiry import ExpiryQueue
from cookietrack_plugin.stores.file.lines import (
    GONE,
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
    cookie_at,
    id_at,
    no_flushes,
    open_file,
)

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
        before, held = self.path.stat().st_size, dict(self.held)
        self.commit([Delete(id_at(n)) if n % 2 else Create(cookie_at(n)) for n in numbers])
        self.store.close()
        whole = self.path.read_bytes()
        cut = before + int(share * (len(whole) - before))
        self.path.write_bytes(whole[:cut])
        if cut < len(whole) - 1:
            self.held = held
        self.store = self._open_store()


@pytest.mark.usefixtures("no_flushes")
def test_a_history_with_power_cuts_leads_to_what_the_contract_says(tmp_path):
    run_state_machine_as_test(
        lambda: CutHistory(tmp_path),
        settings=settings(max_examples=40, stateful_step_count=15, deadline=None),
    )


texts = st.text() | st.just('["ct1","')
lines = st.tuples(texts, st.binary(max_size=50).filter(lambda text: b"\n" not in text))


@given(texts)
def test_any_text_is_an_id(id):
    key = to_key(id)
    assert to_id(key) == id
    assert not set(b'"\n') & set(key)


@given(st.lists(lines, max_size=5))
def test_a_batch_is_read_as_it_was_written(batch):
    states = [(to_key(id), text) for id, text in batch]
    raw = BytesIO(write_batch(states)).readlines()
    following = range(len(states) - 1, -1, -1)
    expected = [(key, left, text) for (key, text), left in zip(states, following, strict=True)]
    assert [_meaning(read_line(each)) for each in raw] == expected
    assert [_meaning(line) for line in read_lines(raw)] == expected
    assert read_lines([*raw, b"damaged\n"]) is None


def _meaning(line):
    _, _, key, following, text = line
    return key, int(following), text


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
