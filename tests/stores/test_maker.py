"""What is made quickly is the same as what the class itself makes."""

import pickle

import pytest
from attrs import evolve, fields
from attrs.exceptions import FrozenInstanceError

from cookietrack_plugin.record import Auth, Cookie
from cookietrack_plugin.stores.kit.codec import decode, encode
from cookietrack_plugin.stores.kit.maker import maker
from cookietrack_plugin.testing.samples import make_auth, make_cookie

COOKIE = make_cookie(1, make_auth(authextra={"token": "hunter2"}))


def values(record):
    return [getattr(record, field.name) for field in fields(type(record))]


def quick_ones():
    quick = maker(Cookie)(*values(COOKIE)), maker(Auth)(*values(COOKIE.auth))
    return [*quick, decode(COOKIE.id, encode(COOKIE)), decode(COOKIE.id, encode(COOKIE)).auth]


@pytest.fixture(params=range(4), ids=["cookie", "auth", "decoded cookie", "decoded auth"])
def quick(request):
    return quick_ones()[request.param]


@pytest.fixture
def plain(quick):
    return COOKIE if isinstance(quick, Cookie) else COOKIE.auth


def test_it_is_of_the_class_and_equal_to_one_of_it(quick, plain):
    assert type(quick) is type(plain)
    assert quick == plain
    assert repr(quick) == repr(plain)
    assert pickle.loads(pickle.dumps(quick)) == evolve(quick) == plain


def test_it_can_be_changed_no_more_than_one_of_it(quick):
    for name in (fields(type(quick))[0].name, "another"):
        with pytest.raises(FrozenInstanceError):
            setattr(quick, name, "mallory")
        with pytest.raises(FrozenInstanceError):
            delattr(quick, name)


def test_it_hashes_as_one_of_it_does():
    auth = make_auth()
    assert hash(maker(Auth)(*values(auth))) == hash(auth)
    assert hash(maker(Cookie)(*values(make_cookie(1, auth)))) == hash(make_cookie(1, auth))


def test_defaults_are_those_of_the_class():
    assert maker(Cookie)("a", 1, expires=2, seen=3) == Cookie("a", 1, 2, 3)
    with pytest.raises(TypeError):
        maker(Auth)("joe")
