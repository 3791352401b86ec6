"""The file store reads what its first version wrote."""

from zlib import crc32

import pytest

from tests.support.cookiefile import (
    JOE,
    NAME,
    closed_stores,  # noqa: F401
    contents,
    cookie_at,
    create,
    id_at,
    open_file,
    reopened,
)

JOES = (
    b'[1800086400000,1800000000000,1800000000000,"tcp4:192.0.2.1:52410","Mozilla/5.0",'
    b'["joe","user","ticket","realm1",{"tenant":"acme"}]]'
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / NAME


def header() -> bytes:
    legend = b', "lines": ["ct1", "crc32", "id"]'
    return b'{"cookietrack": 1, "crc32": "%08x"%b}\n' % (crc32(b"1" + legend), legend)


def line(number: int, text: bytes = JOES, following: int = 0) -> bytes:
    body = b'","%b",%d,%b]' % (id_at(number).encode(), following, text)
    return b'["ct1","%08x%b\n' % (crc32(body), body)


def batch(*numbers: int, text: bytes = JOES) -> bytes:
    left = range(len(numbers) - 1, -1, -1)
    return b"".join(line(number, text, n) for number, n in zip(numbers, left, strict=True))


def test_it_is_read_and_at_once_rewritten(tmp_path, path):
    path.write_bytes(header() + batch(0) + batch(1, 2) + batch(3) + batch(1, 1, text=b"null"))
    store = open_file(tmp_path)
    assert contents(store) == {id_at(n): cookie_at(n, JOE) for n in (0, 2, 3)}
    assert path.read_bytes().startswith(b'{"cookietrack": 2, ')
    assert b'["ct1","' not in path.read_bytes()
    store.commit(create([4]))
    assert len(contents(reopened(store, tmp_path))) == 4


def test_an_empty_one_is_rewritten_too(tmp_path, path):
    """An older version would take what is appended for damage, and leave it out."""
    path.write_bytes(header())
    open_file(tmp_path)
    assert path.read_bytes().startswith(b'{"cookietrack": 2, ')


def test_a_batch_that_was_torn_off_is_left_out(tmp_path, path):
    path.write_bytes(header() + batch(0) + batch(1, 2, 3)[:-20])
    store = open_file(tmp_path)
    assert set(contents(store)) == {id_at(0)}
    assert store.stat()["torn"] == 3


def test_a_line_that_is_missing_from_the_last_batch_takes_the_batch_with_it(tmp_path, path):
    first, second, third = batch(1, 2, 3).splitlines(keepends=True)
    path.write_bytes(header() + batch(0) + first + bytes(len(second) - 1) + b"\n" + third)
    assert set(contents(open_file(tmp_path))) == {id_at(0)}


def test_a_damaged_line_in_its_middle_costs_itself(tmp_path, path):
    path.write_bytes(header() + batch(0) + b"?" + batch(1)[1:] + batch(2))
    store = open_file(tmp_path)
    assert set(contents(store)) == {id_at(0), id_at(2)}
    assert store.stat()["damaged"] == 1


def test_what_lines_begin_with_today_is_data_in_it(tmp_path, path):
    forged = b'["ct2","00000000","x",0,0,1,null]'
    path.write_bytes(header() + batch(0, text=JOES.replace(b'"acme"', forged)))
    store = open_file(tmp_path)
    assert path.read_bytes().count(b'["ct2","') == 1
    extra = contents(reopened(store, tmp_path))[id_at(0)].auth.authextra
    assert extra == {"tenant": ["ct2", "00000000", "x", 0, 0, 1, None]}


def test_lines_of_both_formats_are_read_from_one_file(tmp_path, path):
    open_file(tmp_path).close()
    path.write_bytes(path.read_bytes() + batch(1) + batch(2, 3))
    store = open_file(tmp_path)
    assert set(contents(store)) == {id_at(n) for n in (1, 2, 3)}
    assert b'["ct1","' not in path.read_bytes()
