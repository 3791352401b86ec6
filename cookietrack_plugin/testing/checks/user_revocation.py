"""IUserRevocation: everything that a user has in a store ends at once. Optional."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cookietrack_plugin.interfaces import ICookieStore, IUserRevocation
from cookietrack_plugin.record import MAX_KEPT_IDS, Authenticate, Change, Cookie, Create, matches
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.testing.bulk import commit_all
from cookietrack_plugin.testing.case import StoreCase
from cookietrack_plugin.testing.checks.pages import ALIKE
from cookietrack_plugin.testing.samples import (
    NOW,
    make_auth,
    make_cookie,
    make_id,
    make_touch,
    replay,
)

PATIENCE = 60
LOGINS = [None, ("joe", "realm1"), ("joe", "realm1"), ("joe", "realm2"), ("mary", "realm1")]
USERS = [
    ("joe", "realm1"),
    ("joe", None),
    (None, "realm1"),
    (None, None),
    ("mary", "realm2"),
    ("nobody", None),
]


class UserRevocationChecks(StoreCase):
    @pytest.fixture
    def revocable(self, store: ICookieStore) -> Any:
        """A store with five records, see `LOGINS`."""
        self.need_interface("user_revocation", store, IUserRevocation)
        store.commit([Create(cookie) for cookie in _cookies().values()])
        return store

    @pytest.mark.parametrize(("authid", "authrealm"), USERS)
    def test_a_revoked_user_has_no_record(
        self, revocable: Any, authid: str | None, authrealm: str | None
    ) -> None:
        """revoke_user() deletes the records of that user and no others; None is any user or realm.

        IUserRevocation.revoke_user: "None is any; with None for both every record is deleted, those
        without a login too."
        """
        before = _cookies()
        revocable.revoke_user(authid, authrealm)
        assert {cookie.id: cookie for cookie in records(revocable)} == {
            id: cookie
            for id, cookie in before.items()
            if not matches(cookie.auth, authid, authrealm)
        }

    @pytest.mark.parametrize(("authid", "authrealm"), USERS)
    def test_a_revocation_counts_what_it_deletes(
        self, revocable: Any, authid: str | None, authrealm: str | None
    ) -> None:
        """revoke_user() returns the number of records that it deleted, and 0 the second time.

        IUserRevocation.revoke_user: "how many records were deleted."
        """
        auths = [cookie.auth for cookie in _cookies().values()]
        expected = sum(matches(auth, authid, authrealm) for auth in auths)
        assert revocable.revoke_user(authid, authrealm) == expected
        assert revocable.revoke_user(authid, authrealm) == 0

    @pytest.mark.parametrize("name", ALIKE, ids=ascii)
    def test_users_with_names_alike_are_not_revoked(self, revocable: Any, name: str) -> None:
        """revoke_user() compares authid and authrealm exactly: case, spaces, NUL, surrogates.

        IUserRevocation.revoke_user: "Delete every record that is logged in as `authid` in
        `authrealm`, durably."
        """
        users = [make_cookie(n, make_auth(each)) for n, each in enumerate(ALIKE, start=100)]
        realms = [make_cookie(n, make_auth("x", each)) for n, each in enumerate(ALIKE, start=200)]
        revocable.revoke_user(None, None)
        revocable.commit([Create(cookie) for cookie in [*users, *realms]])
        assert revocable.revoke_user(name, "realm1") == 1
        assert revocable.revoke_user("x", name) == 1
        position = ALIKE.index(name)
        left = {make_id(n) for n in range(100, 300)} - {make_id(100 + position)}
        left -= {make_id(200 + position)}
        found = {cookie.id for cookie in records(revocable)}
        assert found == {cookie.id for cookie in [*users, *realms]} & left

    def test_what_is_kept_stays(self, revocable: Any) -> None:
        """revoke_user() leaves the records with the ids `keep` as they are, whether there or not.

        IUserRevocation.revoke_user: "at most `record.MAX_KEPT_IDS` ids of records that stay"
        """
        keep = [make_id(2), *(make_id(n) for n in range(900, 899 + MAX_KEPT_IDS))]
        assert revocable.revoke_user("joe", None, frozenset(keep)) == 2
        assert list(records(revocable, authid="joe")) == [_cookies()[make_id(2)]]
        assert set(revocable.load([make_id(0), make_id(4)])) == {make_id(0), make_id(4)}
        assert revocable.revoke_user(None, None, [make_id(2), make_id(4)]) == 1
        assert {cookie.id for cookie in records(revocable)} == {make_id(2), make_id(4)}
        assert revocable.revoke_user("joe", "realm1") == 1

    def test_a_revoked_record_leaves_every_index(self, revocable: Any) -> None:
        """After revoke_user() updates do not apply, expire() finds nothing, the id is free again.

        ICookieStore.commit: "updates never bring a record back"
        """
        assert revocable.revoke_user("joe", None) == 3
        assert revocable.expire(NOW * 2, 10) == 2
        updates = [make_touch(1), Authenticate(make_id(2), make_auth(), NOW)]
        assert list(revocable.commit([*updates, Create(make_cookie(1))])) == [False, False, True]
        assert {cookie.id: cookie for cookie in records(revocable)} == {make_id(1): make_cookie(1)}

    def test_a_record_is_revoked_with_its_latest_login(self, revocable: Any) -> None:
        """revoke_user() deletes what is logged in as the user now, and not what was before.

        IUserRevocation.revoke_user: "Delete every record that is logged in as `authid` in
        `authrealm`, durably."
        """
        logins: list[Change] = [
            Authenticate(make_id(1), make_auth("mary"), NOW),
            Authenticate(make_id(0), make_auth("joe"), NOW),
            make_touch(2),
        ]
        revocable.commit(logins)
        assert revocable.revoke_user("joe", "realm1") == 2
        expected = replay(_cookies(), logins)
        assert {cookie.id: cookie for cookie in records(revocable)} == {
            make_id(n): expected[make_id(n)] for n in (1, 3, 4)
        }

    def test_a_revoked_user_can_log_in_again(self, revocable: Any) -> None:
        """revoke_user() is over when it returns: new records and new logins of the user apply.

        Authenticate: "None where nobody else can have revoked the user."
        """
        revocable.revoke_user("joe", "realm1")
        login = Authenticate(make_id(0), make_auth(), NOW)
        assert list(revocable.commit([Create(make_cookie(9, make_auth())), login])) == [True] * 2
        found = {cookie.id for cookie in records(revocable, authid="joe", authrealm="realm1")}
        assert found == {make_id(0), make_id(9)}

    def test_a_user_with_thousands_of_records_is_revoked(self, revocable: Any) -> None:
        """revoke_user() deletes them all, in one call.

        IUserRevocation.revoke_user: "in as few steps as it allows, however many records there are."
        """
        many = [Create(make_cookie(n, make_auth("many"))) for n in range(100, 5_100)]
        assert sum(commit_all(revocable, many)) == 5_000
        assert revocable.revoke_user("many", "realm1", {make_id(4_000)}) == 4_999
        found = {cookie.id for cookie in records(revocable)}
        assert found == {make_id(4_000), *_cookies()}

    def test_commits_go_on_during_a_revocation(self, revocable: Any) -> None:
        """Where commit() does not block, it is called while another thread revokes.

        IUserRevocation.revoke_user: "A store whose commits do not block is called on a thread that
        may wait, while commits go on."
        """
        if revocable.commits_block:
            pytest.skip("commits block: revoke_user() is called like commit()")
        many = [Create(make_cookie(n, make_auth("many"))) for n in range(1_000, 9_000)]
        commit_all(revocable, many)
        with ThreadPoolExecutor(1) as thread:
            revoking = thread.submit(revocable.revoke_user, "many", "realm1")
            others = [Create(make_cookie(n, make_auth("other"))) for n in range(100, 600)]
            assert [revocable.commit([each])[0] for each in others] == [True] * 500
            assert revoking.result(PATIENCE) == 8_000
        assert {cookie.id for cookie in records(revocable, authid="other")} == {
            e.id for e in others
        }
        assert len(list(records(revocable))) == 505


def _cookies() -> dict[str, Cookie]:
    """Of the five, one expires late and has no login."""
    auths = [make_auth(*login) if login else None for login in LOGINS]
    return {make_id(n): make_cookie(n, auth) for n, auth in enumerate(auths)}
