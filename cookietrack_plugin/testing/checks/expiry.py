"""expire(): what it deletes, how much of it, and what it leaves."""

from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Authenticate, Create, Delete
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.testing.bulk import commit_all
from cookietrack_plugin.testing.case import StoreCase
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, make_touch


class ExpiryChecks(StoreCase):
    def test_a_record_expires_at_its_millisecond(self, store: ICookieStore) -> None:
        """expire() deletes records with `expires <= now`, and not a millisecond earlier.

        ICookieStore.expire: "Delete at most `limit` records with `expires <= now` (milliseconds),
        durably."
        """
        store.commit([Create(make_cookie(n, expires=NOW + n)) for n in range(3)])
        assert store.expire(NOW + 1, 10) == 2
        assert _all(store) == {make_id(2)}

    def test_the_limit_is_respected(self, store: ICookieStore) -> None:
        """expire() deletes no more than `limit`, and says how many it deleted.

        ICookieStore.expire: "Delete at most `limit` records"
        """
        store.commit([Create(make_cookie(n, expires=NOW - n)) for n in range(10)])
        assert store.expire(NOW, 4) == 4
        assert len(_all(store)) == 6

    def test_less_than_the_limit_means_that_no_more_are_left(self, store: ICookieStore) -> None:
        """expire() returns less than `limit` when, and only when, nothing is left to delete.

        ICookieStore.expire: "Less than `limit` means that none is left."
        """
        commit_all(store, [Create(make_cookie(n, expires=NOW - n % 7)) for n in range(50)])
        store.commit([Create(make_cookie(99))])
        counts = [store.expire(NOW, 20) for _ in range(4)]
        assert counts == [20, 20, 10, 0]
        assert _all(store) == {make_id(99)}

    def test_expire_of_an_empty_store_is_no_error(self, store: ICookieStore) -> None:
        """expire() where there is nothing to expire returns 0.

        ICookieStore.expire: "Less than `limit` means that none is left."
        """
        assert store.expire(NOW, 10) == 0

    def test_an_expired_record_leaves_every_index(self, store: ICookieStore) -> None:
        """After expire() neither load() nor any page() finds the record; its id is free again.

        ICookieStore.expire: "Delete at most `limit` records with `expires <= now` (milliseconds),
        durably."
        """
        store.commit([Create(make_cookie(1, make_auth(), expires=NOW))])
        store.expire(NOW, 10)
        assert dict(store.load([make_id(1)])) == {}
        assert list(records(store, authid="joe", authrealm="realm1")) == []
        assert list(store.commit([make_touch(1), Create(make_cookie(1))])) == [False, True]

    def test_a_touched_record_lives_longer(self, store: ICookieStore) -> None:
        """A Touch to a later `expires` saves the record until then.

        Touch: "`seen` and `expires` only grow by it"
        """
        store.commit([Create(make_cookie(1, expires=NOW)), make_touch(1, expires=NOW + 5)])
        assert store.expire(NOW + 4, 10) == 0
        assert store.expire(NOW + 5, 10) == 1

    def test_a_late_touch_takes_nothing_back(self, store: ICookieStore) -> None:
        """A Touch to an earlier `expires` leaves the record its time.

        Touch: "`seen` and `expires` only grow by it: a worker whose record is older takes nothing
        back."
        """
        store.commit([Create(make_cookie(1, expires=NOW + 5))])
        store.commit([make_touch(1, expires=NOW)])
        assert store.expire(NOW + 4, 10) == 0
        assert store.expire(NOW + 5, 10) == 1

    def test_a_login_does_not_alter_the_expiry(self, store: ICookieStore) -> None:
        """A record that was authenticated expires when it would have without.

        Authenticate: "Set who the cookie stands for, and `seen` to `at` if that is later."
        """
        store.commit([Create(make_cookie(1, expires=NOW + 5))])
        store.commit([Authenticate(make_id(1), make_auth(), NOW + 1)])
        assert store.expire(NOW + 4, 10) == 0
        assert store.expire(NOW + 5, 10) == 1

    def test_a_record_created_again_expires_at_its_new_time(self, store: ICookieStore) -> None:
        """The `expires` of a deleted record means nothing to the next one of the same id.

        ICookieStore.expire: "Delete at most `limit` records with `expires <= now` (milliseconds),
        durably."
        """
        store.commit([Create(make_cookie(1, expires=NOW))])
        store.commit([Delete(make_id(1)), Create(make_cookie(1, expires=NOW + 5))])
        assert store.expire(NOW, 10) == 0
        assert _all(store) == {make_id(1)}


def _all(store: ICookieStore) -> set[str]:
    return {cookie.id for cookie in records(store)}
