"""What an lmdb store works out of a batch before it is written."""

import pytest
from attrs import evolve

from cookietrack_plugin.record import Create, Delete
from cookietrack_plugin.stores.codec import encode
from cookietrack_plugin.stores.lmdb.batch import prepare
from cookietrack_plugin.testing.samples import make_auth, make_cookie, make_id, make_touch


def test_new_records_are_encoded_once_and_the_rest_stays_as_it_is():
    joes, nobodys = make_cookie(1, make_auth("joe")), make_cookie(2)
    touch, create, delete = make_touch(3), Create(make_cookie(4)), Delete(make_id(4))
    batch = prepare([touch, Create(joes), create, Create(nobodys), delete])
    assert batch.new == [
        (joes.id, encode(joes), "joe", joes.expires),
        (nobodys.id, encode(nobodys), None, nobodys.expires),
    ]
    assert batch.others == [touch, create, delete]


def test_whether_each_applied_is_told_in_the_order_of_changes(open_lmdb):
    store = open_lmdb()
    store.commit([Create(make_cookie(number)) for number in (1, 2, 3)])
    changes = [
        Create(make_cookie(9)),
        Delete(make_id(1)),
        Create(make_cookie(2, make_auth())),
        Delete(make_id(7)),
        Create(make_cookie(1)),
        Create(make_cookie(5)),
        make_touch(3),
    ]
    assert store.commit(changes) == [True, True, False, False, True, True, True]
    assert store.load([make_id(2)])[make_id(2)] == make_cookie(2)


@pytest.mark.parametrize("more", [[], [Delete("short")]], ids=["alone", "not alone"])
def test_of_a_batch_with_a_new_record_under_no_id_nothing_is_stored(open_lmdb, more):
    store = open_lmdb()
    nameless = Create(evolve(make_cookie(1), id="short"))
    with pytest.raises(ValueError, match="24 characters of base64url"):
        store.commit([Create(make_cookie(2)), nameless, *more])
    assert store.stat()["cookies"] == 0
