"""IUserRevocation with IRevocationFeed: logins from before a revocation stay out. Optional."""

from typing import Any

import pytest

from cookietrack_plugin.interfaces import (
    ICookieStore,
    IRevocationFeed,
    IUserRevocation,
)
from cookietrack_plugin.record import Authenticate, Change, Create
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.testing.checks.feed import FOREIGN
from cookietrack_plugin.testing.checks.pages import ALIKE
from cookietrack_plugin.testing.checks.sharing import SharedCase
from cookietrack_plugin.testing.checks.unblocked import UnblockedCase, apply
from cookietrack_plugin.testing.process import StoreProcess
from cookietrack_plugin.testing.samples import (
    NOW,
    make_auth,
    make_cookie,
    make_id,
    make_touch,
    replay,
)

NAMES = [("joe", "realm1"), ("joe", None), (None, "realm1"), (None, None)]


class FenceChecks(SharedCase, UnblockedCase):
    @pytest.fixture
    def fenced(self, store: ICookieStore) -> Any:
        """A store with both powers."""
        self.need_interface("feed", store, IRevocationFeed)
        self.need_interface("user_revocation", store, IUserRevocation)
        return store

    @pytest.mark.parametrize("name", NAMES)
    def test_a_login_that_began_before_a_revocation_does_not_apply(
        self, fenced: Any, name: tuple[str | None, str | None]
    ) -> None:
        """An Authenticate with a position from before it is refused, and alters nothing.

        IUserRevocation.revoke_user: "from then on an `Authenticate` of the user, or a `Create` with
        a login, whose `since` is an earlier position does not apply"
        """
        for number in range(2):
            before = _position(fenced)
            fenced.revoke_user(*name)
            cookie = make_cookie(number, make_auth("mary", "realm2"))
            fenced.commit([Create(cookie)])
            assert list(fenced.commit([_login(number, before)])) == [False]
            assert dict(fenced.load([cookie.id])) == {cookie.id: cookie}

    @pytest.mark.parametrize("name", NAMES)
    def test_a_record_that_is_made_by_a_login_from_before_a_revocation_is_not_stored(
        self, fenced: Any, name: tuple[str | None, str | None]
    ) -> None:
        """A Create with a login is refused as an Authenticate is, alone and among others.

        Create: "Nor where the record has a login whose user was revoked since `since`"
        """
        before = _position(fenced)
        fenced.revoke_user(*name)
        assert list(fenced.commit([_creation(1, before)])) == [False]
        others = [Create(make_cookie(2)), _creation(3, before), make_touch(2)]
        assert list(fenced.commit(others)) == [True, False, True]
        twice = [_creation(4, before), _creation(4, _position(fenced)), make_touch(4)]
        assert list(fenced.commit(twice)) == [False, True, True]
        assert set(fenced.load([make_id(n) for n in range(1, 5)])) == {make_id(2), make_id(4)}

    def test_a_record_that_is_made_by_a_login_from_after_a_revocation_is_stored(
        self, fenced: Any
    ) -> None:
        """A Create with a login applies with a position from after it, unless its id exists.

        Create: "Does not apply where the id exists"
        """
        fenced.revoke_user("joe", "realm1")
        since = _position(fenced)
        creations = [_creation(1, since), _creation(2, since), _creation(1, since)]
        assert list(fenced.commit(creations)) == [True, True, False]
        assert list(fenced.commit([_creation(2, since), _creation(3, None)])) == [False, True]
        assert {each.id for each in records(fenced, authid="joe")} == set(map(make_id, (1, 2, 3)))

    @pytest.mark.parametrize("name", NAMES)
    def test_a_login_that_began_after_a_revocation_applies(
        self, fenced: Any, name: tuple[str | None, str | None]
    ) -> None:
        """An Authenticate with a position from after it is stored.

        IUserRevocation.revoke_user: "from then on an `Authenticate` of the user, or a `Create` with
        a login, whose `since` is an earlier position does not apply"
        """
        fenced.commit([Create(make_cookie(n)) for n in range(2)])
        cursor = _position(fenced)
        fenced.revoke_user(*name, [make_id(0), make_id(1)])
        _, read = fenced.revoked_since(cursor)
        assert list(fenced.commit([_login(0, read), _login(1, _position(fenced))])) == [True] * 2
        assert {each.id for each in records(fenced, authid="joe")} == {make_id(0), make_id(1)}

    @pytest.mark.parametrize("authid", [name for name in ALIKE if name != "joe"], ids=ascii)
    def test_no_other_user_is_kept_out(self, fenced: Any, authid: str) -> None:
        """A revocation of one user refuses no login of another, or of one authid in another realm.

        Authenticate: "Does not apply where the id is absent, nor where `auth` is of a user who was
        revoked since `since`."
        """
        fenced.commit([Create(make_cookie(n)) for n in range(3)])
        before = _position(fenced)
        fenced.revoke_user("joe", "realm1")
        fenced.revoke_user(None, authid)
        auths = [make_auth(authid, "realm1"), make_auth("joe", "realm2"), make_auth(authid, "x")]
        logins = [Authenticate(make_id(n), auth, NOW, before) for n, auth in enumerate(auths)]
        assert list(fenced.commit(logins)) == [True] * 3

    def test_a_login_on_a_kept_record_is_measured_by_the_revocation_before(
        self, fenced: Any
    ) -> None:
        """On the ids `keep` a login is refused by an earlier revocation, and not by this one.

        IUserRevocation.revoke_user: "A login on one of the ids `keep` is measured by the revocation
        before this one."
        """
        first = _position(fenced)
        fenced.revoke_user("joe", "realm1")
        fenced.commit([Create(make_cookie(n)) for n in range(2)])
        second = _position(fenced)
        fenced.revoke_user("joe", "realm1", {make_id(0)})
        assert list(fenced.commit([_login(0, first)])) == [False]
        assert list(fenced.commit([_login(0, second), _login(1, second)])) == [True, False]

    def test_without_a_position_a_login_applies(self, fenced: Any) -> None:
        """An Authenticate whose `since` is None applies, also to a user who was revoked.

        Authenticate: "None where nobody else can have revoked the user."
        """
        fenced.revoke_user("joe", "realm1")
        fenced.revoke_user(None, None)
        fenced.commit([Create(make_cookie(0))])
        assert list(fenced.commit([_login(0, None)])) == [True]

    @pytest.mark.parametrize("since", FOREIGN, ids=repr)
    def test_a_login_with_an_unknown_position_does_not_apply(self, fenced: Any, since: Any) -> None:
        """An Authenticate of a revoked user is refused if its `since` is no position of the feed.

        IUserRevocation.revoke_user: "nor one whose `since` the feed no longer knows"
        """
        fenced.revoke_user("joe", "realm1")
        cookie = make_cookie(0)
        fenced.commit([Create(cookie)])
        assert list(fenced.commit([_login(0, since), _creation(1, since)])) == [False] * 2
        assert dict(fenced.load([cookie.id, make_id(1)])) == {cookie.id: cookie}

    def test_a_refused_login_holds_up_no_other_change(self, fenced: Any) -> None:
        """A batch goes on behind a login that was refused.

        ICookieStore.commit: "Such a change alters nothing and is no error"
        """
        before = _position(fenced)
        fenced.revoke_user("joe", "realm1")
        changes: list[Change] = [
            Create(make_cookie(0)),
            Create(make_cookie(1)),
            _login(0, before),
            Authenticate(make_id(1), make_auth("mary"), NOW, before),
            make_touch(0, seen=NOW + 9),
        ]
        assert list(fenced.commit(changes)) == [True, True, False, True, True]
        expected = replay({}, [change for change in changes if change is not changes[2]])
        assert dict(fenced.load([make_id(0), make_id(1)])) == expected

    def test_a_refused_login_is_not_reported(self, fenced: Any) -> None:
        """The feed does not report a record whose owner did not change.

        IRevocationFeed.revoked_since: "the ids of records that were deleted or whose login became
        another identity's"
        """
        fenced.commit([Create(make_cookie(0, make_auth("mary")))])
        before = _position(fenced)
        fenced.revoke_user("joe", "realm1")
        cursor = _position(fenced)
        assert list(fenced.commit([_login(0, before)])) == [False]
        assert list(fenced.revoked_since(cursor)[0]) == []

    def test_every_process_heeds_the_fence(self, fenced: Any, other: StoreProcess) -> None:
        """A revocation by one process refuses a login by another, whose position travels.

        IUserRevocation.revoke_user: "does not apply, in any process"
        """
        fenced.commit([Create(make_cookie(n, make_auth("mary"))) for n in range(2)])
        mine, theirs = _position(fenced), other.call("revoked_since", None)[1]
        fenced.revoke_user("joe", "realm1")
        assert list(other.call("commit", [_login(0, mine)])) == [False]
        assert list(other.call("commit", [_login(0, theirs)])) == [False]
        assert list(other.call("commit", [_login(0, _position(fenced))])) == [True]
        between = _position(fenced)
        other.call("revoke_user", "joe", None)
        assert list(fenced.commit([_login(1, between)])) == [False]

    def test_a_batch_that_is_finished_heeds_the_fence(self, fenced: Any) -> None:
        """A login that was begun without waiting is refused as one that is committed.

        INonBlockingCommit.begin: "Begin what `ICookieStore.commit` does with `changes`"
        """
        self.need_non_blocking(fenced)
        before = _position(fenced)
        fenced.revoke_user("joe", "realm1")
        fenced.commit([Create(make_cookie(0))])
        assert list(apply(fenced, [_login(0, before), _creation(1, before)])) == [False] * 2
        assert list(apply(fenced, [_creation(1, before)])) == [False]
        since = _position(fenced)
        assert list(apply(fenced, [_login(0, since), _creation(1, since)])) == [True] * 2


def _position(store: Any) -> Any:
    return store.revoked_since(None)[1]


def _login(number: int, since: Any) -> Authenticate:
    return Authenticate(make_id(number), make_auth(), NOW, since)


def _creation(number: int, since: Any) -> Create:
    return Create(make_cookie(number, make_auth()), since)
