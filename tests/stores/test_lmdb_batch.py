"""What an lmdb store works out of a batch before it is written."""

import pickle

import pytest
from attrs import evolve

from cookietrack_plugin.record import Authenticate, Create, Delete
from cookietrack_plugin.stores.kit.codec import encode
from cookietrack_plugin.stores.lmdb.batch import prepare, unpack
from cookietrack_plugin.testing.samples import make_auth, make_cookie, make_id, make_touch


def test_new_records_are_encoded_once_and_the_rest_stays_as_it_is():
    joes, nobodys = make_cookie(1, make_auth("joe")), make_cookie(2)
    touch, create, delete = make_touch(3), Create(make_cookie(4)), Delete(make_id(4))
    alone, new, others = prepare([touch, Create(joes), create, Create(nobodys), delete])
    assert alone == [False, True, False, True, False]
    assert new == [
        (joes.id, encode(joes), "joe", joes.expires, None),
        (nobodys.id, encode(nobodys), None, nobodys.expires, None),
    ]
    assert list(map(unpack, others)) == [touch, create, delete]


@pytest.mark.parametrize(("since", "position"), [(5, 5), ("of another store", -1)])
def test_a_new_record_with_a_login_has_what_its_fences_are_asked_for(since, position):
    joes = make_cookie(1, make_auth("joe", "realm2"))
    _, [new], _ = prepare([Create(joes, since)])
    assert new[-1] == ("joe", "realm2", position)
    _, _, [first, _] = prepare([Create(joes, since), Delete(joes.id)])
    assert unpack(first) == Create(joes, position)


AUTH = make_auth("joe")
LOGINS = [
    AUTH,
    evolve(AUTH, authextra={}),
    evolve(AUTH, authextra={"token": b"\0", 7: [1, None]}),
    evolve(AUTH, authid="", authrole="a\0b"),
]


@pytest.mark.parametrize("auth", LOGINS)
def test_a_login_is_the_same_at_the_other_end(auth):
    changes = [Authenticate(make_id(1), auth, 5), Authenticate(make_id(1), auth, 5, since=7)]
    _, _, others = pickle.loads(pickle.dumps(prepare(changes)))
    assert list(map(unpack, others)) == changes


@pytest.mark.parametrize("since", ["7", True, 7.0, (7,)])
def test_a_position_of_another_kind_is_none_that_the_store_has_given(since):
    _, _, others = prepare([Authenticate(make_id(1), AUTH, 5, since)])
    assert unpack(others[0]).since == -1


class Role(str):
    """What a custom authenticator may use for a role."""


def test_a_login_takes_no_class_along():
    login = Authenticate(make_id(1), evolve(AUTH, authrole=Role("user")), 5)
    assert b"Role" not in pickle.dumps(prepare([login]))


class Unpickled:
    """What must not be run where a store is written."""

    def __reduce__(self):
        return pytest.fail, ("unpickled",)


def test_nothing_of_an_authextra_is_pickled():
    login = Authenticate(make_id(1), evolve(AUTH, authextra={"a": Unpickled()}), 5)
    with pytest.raises(ValueError, match="cannot be stored"):
        prepare([login])


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
