"""All that a client and an authenticator can put into a record comes out of it unchanged."""

from collections.abc import Mapping
from typing import Any

import pytest
from attrs import evolve

from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Authenticate, Cookie, Create
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.testing.case import StoreCase
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id

TEXTS = [
    "",
    " ",
    "ünïcödé",
    "用户",
    "\U0001f469\u200d\U0001f469",
    "e\u0301",
    "\u202e",
    "a\nb\r\n\t",
    "'\"\\`%;--",
    "\x00\x7f",
    "x" * 100_000,
]
# JSON carries them into a router, and UTF-8 does not carry them on.
SURROGATES = ["\ud800", "a\udfffb", "\udc00\ud800", "\ud800\0"]
DEEP: dict[str, Any] = {}
for _ in range(50):
    DEEP = {"deeper": [DEEP]}
EXTRAS: dict[str, Mapping[str, Any] | None] = {
    "none": None,
    "empty": {},
    "plain": {"a": 1, "b": -1.5, "c": True, "d": None, "e": "text", "f": [], "g": {}},
    "integers": {"a": [0, -1, 2**31, 2**53, -(2**53)]},
    "floats": {"a": [0.1, 1e300, 5e-324]},
    "texts": {text: text for text in TEXTS},
    "binary": {"a": b"\x00\xff", "b": [b""]},
    "keys": {"a": {1: "one", -2: "two", b"\x00": 3}, "b": {7: {8: 9}}},
    "nested": {"a": {"b": [{"c": {"d": [[1], [[2]]]}}]}},
    "deep": DEEP,
    "big": {"text": "ü" * 200_000, "list": list(range(20_000))},
}


class ValueChecks(StoreCase):
    @pytest.mark.parametrize("authextra", EXTRAS.values(), ids=EXTRAS)
    def test_authextra_comes_back_unchanged(
        self, store: ICookieStore, authextra: Mapping[str, Any] | None
    ) -> None:
        """All that WAMP carries is kept, however big or nested; None and {} are not the same.

        interfaces: "An `authextra` is None or a mapping of what CBOR carries: text, bytes, numbers,
        booleans, None, lists and mappings; `{}` and None are two values."
        """
        cookie = make_cookie(1, make_auth(authextra=authextra))
        login = Authenticate(make_id(2), make_auth(authextra=authextra), NOW)
        store.commit([Create(cookie), Create(make_cookie(2)), login])
        loaded = store.load([make_id(1), make_id(2)])
        assert loaded[make_id(1)] == cookie
        assert [each.auth for each in loaded.values()] == [cookie.auth] * 2
        assert next(iter(records(store, authid="joe"))).auth == cookie.auth

    @pytest.mark.parametrize("text", [*TEXTS, *SURROGATES], ids=lambda text: ascii(text[:20]))
    def test_any_text_is_kept(self, store: ICookieStore, text: str) -> None:
        """Every text field holds any string, the empty one too, and page() finds it.

        interfaces: "Every other text is any Python string: empty, of any length, with NUL, with
        half of a surrogate pair; it comes back as it was."
        """
        cookie = evolve(make_cookie(1), peer=text, user_agent=text)
        cookie = evolve(cookie, auth=evolve(make_auth(text, text), authrole=text, authmethod=text))
        store.commit([Create(cookie)])
        assert dict(store.load([cookie.id])) == {cookie.id: cookie}
        assert list(records(store, authid=text, authrealm=text)) == [cookie]

    def test_what_is_unknown_stays_unknown(self, store: ICookieStore) -> None:
        """None in peer, user_agent and auth comes back as None.

        interfaces: "it comes back as it was"
        """
        cookie = Cookie(make_id(1), NOW, NOW + 1, NOW)
        store.commit([Create(cookie)])
        assert dict(store.load([cookie.id])) == {cookie.id: cookie}

    def test_long_texts_are_kept_apart(self, store: ICookieStore) -> None:
        """Users whose long names differ in the last character alone are two users.

        ICookieStore.page: "which are compared character by character"
        """
        names = ["ü" * 1_000 + end for end in "ab"]
        cookies = [make_cookie(n, make_auth(name, name)) for n, name in enumerate(names)]
        cookies = [evolve(cookie, user_agent="x" * 8_000) for cookie in cookies]
        store.commit([Create(cookie) for cookie in cookies])
        for name, cookie in zip(names, cookies, strict=True):
            assert (
                list(records(store, authid=name))
                == list(records(store, authrealm=name))
                == [cookie]
            )

    def test_times_are_exact(self, store: ICookieStore) -> None:
        """Times are kept to the millisecond, and come back as integers.

        interfaces: "Times are integers."
        """
        cookie = Cookie(make_id(1), created=1, expires=2**53 - 1, seen=NOW + 1)
        store.commit([Create(cookie)])
        loaded = store.load([cookie.id])[cookie.id]
        assert loaded == cookie
        assert all(type(each) is int for each in (loaded.created, loaded.expires, loaded.seen))

    @pytest.mark.parametrize("at", [None, 0, 1, NOW, 2**53 - 1])
    def test_the_time_of_a_login_is_exact(self, store: ICookieStore, at: int | None) -> None:
        """It is kept with a login, created or set, and None stays None.

        Auth: "when its user last proved it, with anything but the cookie"
        """
        auth = evolve(make_auth(authextra={"a": 1}), at=at)
        odd = evolve(auth, authrole="")
        store.commit([Create(make_cookie(1, auth)), Create(make_cookie(2, odd))])
        store.commit([Create(make_cookie(3)), Authenticate(make_id(3), auth, NOW)])
        found = store.load([make_id(n) for n in (1, 2, 3)])
        assert [found[make_id(n)].auth for n in (1, 2, 3)] == [auth, odd, auth]

    def test_any_id_is_kept(self, store: ICookieStore) -> None:
        """All characters of base64url can stand in an id, at its beginning too.

        interfaces: "An id is 24 characters of base64url."
        """
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        ids = [letter + make_id(0)[1:23] + letter for letter in letters]
        store.commit([Create(evolve(make_cookie(), id=id)) for id in ids])
        assert set(store.load(ids)) == set(ids)


class IsolationChecks(StoreCase):
    def test_what_was_passed_in_can_be_altered(self, store: ICookieStore) -> None:
        """Altering an authextra after commit() does not alter what is stored.

        interfaces: "A store keeps no reference to an `authextra` that it was given"
        """
        first, second = {"a": {"b": [1]}}, {"a": {"b": [1]}}
        login = Authenticate(make_id(2), make_auth(authextra=second), NOW)
        created = [Create(make_cookie(1, make_auth(authextra=first))), Create(make_cookie(2))]
        store.commit([*created, login])
        _alter(first)
        _alter(second)
        loaded = store.load([make_id(1), make_id(2)])
        assert [_extra(cookie) for cookie in loaded.values()] == [{"a": {"b": [1]}}] * 2

    def test_what_was_got_back_can_be_altered(self, store: ICookieStore) -> None:
        """Altering an authextra that load() or page() gave does not alter what is stored.

        interfaces: "gives each caller one of its own, which the caller may alter"
        """
        store.commit([Create(make_cookie(1, make_auth(authextra={"a": {"b": [1]}})))])
        _alter(_extra(store.load([make_id(1)])[make_id(1)]))
        _alter(_extra(next(records(store))))
        assert _extra(store.load([make_id(1)])[make_id(1)]) == {"a": {"b": [1]}}


def _extra(cookie: Cookie) -> Any:
    assert cookie.auth is not None
    return cookie.auth.authextra


def _alter(authextra: Any) -> None:
    authextra["a"]["b"].append(2)
    authextra["c"] = 3
