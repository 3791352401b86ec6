"""
The contract between the plugin, a store, and Crossbar's router.

To write a store, implement `ICookieStoreProvider` and `ICookieStore` over a driver that you trust,
name the provider under the entry-point group `cookietrack_plugin.stores`, and run the suite in
`cookietrack_plugin.testing` over it. A store is plain, blocking Python: threads, batching, caching,
expiry, ids and connections are the plugin's business. `stores/memory.py` is the one to read first,
and `stores.kit` has what most stores need.

Errors are those of `cookietrack_plugin.errors`. A store chains its driver's exception as the cause
(`raise StoreUnavailable(...) from error`) and puts no password into a message.

Values. An id is 24 characters of base64url. A text that is no id is the id of no record: it is
absent for `load`, and for every change but `Create`. Every other text is any Python string: empty,
of any length, with NUL, with half of a surrogate pair; it comes back as it was. Times are integers.
An `authextra` is None or a mapping of what CBOR carries: text, bytes, numbers, booleans, None,
lists and mappings; `{}` and None are two values. What a store cannot encode raises `ValueError`
from `commit`, and nothing of that batch is applied. A store keeps no reference to an `authextra`
that it was given and gives each caller one of its own, which the caller may alter.

After `close` every method but `close` raises `StoreUnavailable`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from zope.interface import Attribute, Interface

from cookietrack_plugin.record import Change, Cookie, UserRevoked

# The version of this contract, and the oldest that a provider may be written for: see
# docs/compatibility.md. It is raised when a store that kept to the contract no longer does.
CONTRACT = 1
OLDEST_CONTRACT = 1


class ICookieStoreProvider(Interface):
    """
    One store type. The entry point's name is the `store.type` in the node configuration; the entry
    point's object is a provider, or a class or function that returns one when called without
    arguments.

    An attribute `contract` may say which version of the contract the provider is written for: an
    integer, the value that `CONTRACT` had then. A plugin that does not support that version refuses
    the provider, and says which package to upgrade. Without the attribute it is version 1.
    """

    summary: str = Attribute("One line for people who choose a store.")
    volatile: bool = Attribute("True when the records end with the process that has the store.")
    exclusive: bool = Attribute("True when one process at a time can have the store open.")
    place: str | None = Attribute(
        "The option that says where the store is, such as 'path' or 'url'; None without one."
    )
    opens: type[Interface] = Attribute(
        "The interface of what `open` returns: ICookieStore or IRouterCookieStore."
    )

    def check(options: Mapping[str, Any]) -> None:
        """
        Check the `store` item of a node configuration, `type` included. Opens nothing, waits for
        nothing: it runs on the reactor's thread, and in `crossbar-cookietrack check` on machines
        where the node never runs.

        :raises ConfigError: naming the attribute, what was expected, and what was found. An
            attribute that the store does not know is an error.
        """

    def open(options: Mapping[str, Any], node_dir: str) -> "ICookieStore | IRouterCookieStore":
        """
        Open the store that `options` describe; `check` has accepted them. Paths are relative to
        `node_dir`.

        Called on a thread that may wait, once for each distinct `options` in a worker process.
        After `StoreUnavailable` and `StoreFull` it is called again, with growing pauses; until it
        succeeds the transports answer with HTTP 503.

        :raises ConfigError: what the options name is wrong, and waiting does not help: a password,
            a database that does not exist, a folder that cannot be used. No transport starts.
        :raises StoreUnavailable: the engine does not answer now.
        :raises StoreFull: there is no room for what has to be written in order to open it.
        :raises StoreLocked: another process has it, and it cannot be shared; the message has the
            pid of that process.
        :raises StoreCorrupt: what is there is not a store of this type, or one of a newer format.
        """


class ICookieStore(Interface):
    """
    A set of `Cookie` records by id.

    An expired record may still be there: a reader checks `Cookie.expires`.
    A record whose bytes cannot be decoded counts as absent for `load` and `page`, cannot be
    updated, can be deleted, and never makes a method fail.

    Methods that raise `StoreUnavailable` can raise `ConfigError` as well, where what the options
    name has become wrong, such as a password. The caller retries, with pauses of up to a minute.

    `commit`, `expire` and `close` are called by one thread at a time. Other threads call `load`,
    `page` and `stat` at the same time; these neither wait for a commit nor see half of one.

    A fault of the engine, its disk or the network makes methods raise `StoreUnavailable`. When it
    is over the store answers again within five seconds, without being opened again. A store whose
    place was removed, replaced or emptied while it is open acknowledges nothing that would not be
    there after it was opened again.
    """

    reads_block: bool = Attribute(
        "True when load() can wait on a network or a disk: it is then called on a reader thread."
    )
    commits_block: bool = Attribute(
        "True when commit() can wait: it is then called on the store's writer thread."
    )

    def load(ids: Sequence[str]) -> Mapping[str, Cookie]:
        """
        The records of those `ids` that are there, by id; in one round trip.

        There can be thousands of `ids`. Absent and undecodable ones are left out. Changes whose
        `commit` has returned are seen. Idempotent. On the reactor's thread, unless `reads_block`.

        :raises StoreUnavailable: the engine does not answer.
        """

    def commit(changes: Sequence[Change]) -> Sequence[bool]:
        """
        Apply `changes` in order, all or none; when it returns they survive kill -9 and a power cut
        (in a volatile store: they are visible). There are 1024 changes at most, fewer where the
        store provides `IBatchLimit`. Without changes it returns an empty sequence.

        :returns: for each change whether it applied. It does not for a `Create` of an id that
            exists, nor for any other change of an id that is absent at that point of the sequence.
            An `Authenticate`, and a `Create` with a login, do not apply either where their user
            was revoked: see `IUserRevocation`. Such a change alters nothing and is no error:
            updates never bring a record back.
        :raises ValueError: something cannot be encoded. None was applied.
        :raises StoreUnavailable: none was applied, or that is not known; retrying is safe.
        :raises StoreFull: none was applied; there is no room. A batch of deletions alone is applied
            all the same, and so are `expire` and `IUserRevocation.revoke_user`.

        On the store's writer thread; on the reactor's, unless `commits_block`.
        """

    def expire(now: int, limit: int) -> int:
        """
        Delete at most `limit` records with `expires <= now` (milliseconds), durably.

        :returns: how many were deleted. Less than `limit` means that none is left. Idempotent.
            Takes time in proportion to `limit`, not to the size of the store. Called like `commit`.
        :raises StoreUnavailable: the engine does not answer.
        """

    def page(
        cursor: str | None, limit: int, authid: str | None = None, authrealm: str | None = None
    ) -> tuple[Sequence[Cookie], str | None]:
        """
        At most `limit` of all records, or of those logged in as `authid` and/or in `authrealm`,
        which are compared character by character; and the cursor of the next page, None at the end.

        A page can be shorter than `limit`, even empty, and not be the last. A walk that begins with
        None and goes on to the end meets each record that is there and unchanged all the while, and
        meets it once. One that changes during the walk is met in one of its states, in several, or
        not at all.

        A cursor is a text that names a place in an order. Each is greater than the one before it,
        as Python compares texts, so that no walk stands still. It is good for the same `authid` and
        `authrealm`, in every process that has the store open and after it was opened again, even
        when the record at its place has gone. `stores.kit.paging` makes an iterator of it.

        Takes time in proportion to `limit`, not to the size of the store; a page of one user may
        look at all records of that user. Nothing is held between two pages: no lock, no
        transaction, no connection. On any thread but the reactor's.

        :param cursor: None for the first page, then what the last call gave.
        :param limit: 1 at least.
        :raises ValueError: `cursor` is no text that this store gives.
        :raises StoreUnavailable: the engine does not answer.
        """

    def stat() -> Mapping[str, Any]:
        """
        Numbers about the store: `cookies` (records, expired ones included, possibly estimated),
        `bytes` (room that they take on disk or in memory), `authenticated` (records with a login)
        where that is cheap to tell, and what else its operator wants to see. It may wait as `load`
        does. On any thread but the reactor's.
        """

    def close() -> None:
        """Release every file, thread and connection. Idempotent. Called on the writer thread."""


class IBatchLimit(Interface):
    """An optional power of a store whose engine takes fewer than 1024 changes in a transaction."""

    max_changes: int = Attribute("The most changes that `commit` and `begin` are given at once.")


class IServerTime(Interface):
    """
    An optional power of a store on a server that several machines share: records live by the
    server's clock, so the clocks of the machines need not agree.
    """

    def server_time() -> int:
        """
        The server's time in Unix milliseconds, read within one round trip. On any thread but the
        reactor's.

        :raises StoreUnavailable: the engine does not answer.
        """


class INonBlockingCommit(Interface):
    """
    An optional power of a store whose changes are made durable by another process or a server: it
    hands them over without waiting, and says later what became of them. No thread takes part, which
    is what makes it worth while: each switch of threads costs a busy reactor more than the call.

    The three methods are about one batch, and are called in turn, on the reactor's thread. Until
    `finish` has given its result neither `begin` nor `commit`, `expire` or `close` is called;
    `load` and the methods of `INonBlockingLoad` may be.
    """

    def begin(changes: Sequence[Change]) -> bool:
        """
        Begin what `ICookieStore.commit` does with `changes`; waits for nothing.

        :returns: False where that is not possible now (there is no connection yet, there is too
            much to send). Nothing was begun then: the caller calls `commit` on the writer thread,
            as it does when this raises anything.
        """

    def fileno() -> int:
        """
        A file descriptor that can be read once there is something to `finish`, and until then
        stays the same.
        """

    def finish() -> Sequence[bool] | None:
        """
        What `ICookieStore.commit` returns, or raises; None as long as it is not known. Waits for
        nothing. A commit may take several steps: each call does what can be done now.

        Called when the descriptor can be read, and every second besides: a store whose engine is
        silent gives up with `StoreUnavailable`, after the time that it gives `commit`.
        """


class INonBlockingLoad(Interface):
    """
    An optional power of a store that reads from a server: the counterpart of `INonBlockingCommit`
    for `load`. The three methods are about one look-up, and are called in turn, on the reactor's
    thread. Until `finish_load` has given its result `begin_load` is not called again. Commits go
    on, and other threads call `load`.
    """

    def begin_load(ids: Sequence[str]) -> bool:
        """
        Begin what `ICookieStore.load` does with `ids`, 128 at most; waits for nothing.

        :returns: False where that is not possible now, or it raises anything. The caller calls
            `load` on a reader thread.
        """

    def load_fileno() -> int:
        """
        A file descriptor that can be read once there is something to `finish_load`, and until then
        stays the same.
        """

    def finish_load() -> Mapping[str, Cookie] | None:
        """
        What `ICookieStore.load` returns, or raises; None as long as it is not known. Waits for
        nothing. Called like `INonBlockingCommit.finish`.
        """


class IUserRevocation(Interface):
    """
    An optional power of a store: it ends everything that a user has in it at once, and keeps out
    the logins that began before.
    """

    def revoke_user(
        authid: str | None, authrealm: str | None, keep: Collection[str] = frozenset()
    ) -> int:
        """
        Delete every record that is logged in as `authid` in `authrealm`, durably. None is any; with
        None for both every record is deleted, those without a login too.

        All or nothing where the engine can do that, in as few steps as it allows, however many
        records there are. With `IRevocationFeed`, the feed has one entry of it, a `UserRevoked`,
        even where there was no record: there may be sessions without one. That entry's position is
        the user's *fence*: from then on an `Authenticate` of the user, or a `Create` with a login,
        whose `since` is an earlier position does not apply, in any process, nor one whose `since`
        the feed no longer knows (`record.fenced_login` tells which these are). A login on one of
        the ids `keep` is measured by the revocation before this one. Without a feed nobody else
        writes to the store, and the caller keeps such logins out itself.

        :param keep: at most `record.MAX_KEPT_IDS` ids of records that stay: the caller's own.
        :returns: how many records were deleted.
        :raises StoreUnavailable: the engine does not answer. Some may be deleted; retrying is safe.

        Called like `ICookieStore.commit`. A store whose commits do not block is called on a thread
        that may wait, while commits go on.
        """


class IRevocationFeed(Interface):
    """
    An optional power of a store that several workers or nodes share: each of them reads here what
    the others have ended.
    """

    def revoked_since(cursor: Any) -> tuple[Iterable[str | UserRevoked], Any]:
        """
        What was revoked since `cursor`, by any process: the ids of records that were deleted or
        whose login became another identity's, and a `UserRevoked` for each
        `IUserRevocation.revoke_user`.

        :param cursor: a position, as the last call gave it, or None for "from now on". It can be
            pickled, and handed to another process that has the same store open.
        :returns: the revocations, in the order in which they happened, and the new position.
            Nothing is left out; something may come twice. Expired records need not be among them.
        :raises PositionLost: the store no longer knows what happened since `cursor`. The caller
            then treats what it knows as stale and starts again with None.
        :raises StoreUnavailable: the engine does not answer. The caller asks again from `cursor`.

        On any thread but the reactor's. Idempotent.
        """


class IRevocationSignal(Interface):
    """
    An optional power of a store with `IRevocationFeed`: its engine signals that there is something
    new, so that workers need not poll. The signal has no content: `revoked_since` returns what was
    revoked. Both methods are about one waiting thread.
    """

    def await_revocation(seconds: float) -> None:
        """
        Return as soon as something may have been revoked since the last call returned, and after
        `seconds` at the latest. The caller asks `revoked_since` in any case.

        Returns at once where it has just begun to listen, for the first time or after the
        connection was lost: what was revoked before was not signalled. A spurious wake-up is no
        error. On the feed's thread.

        :raises StoreUnavailable: the engine cannot signal, for now or at all. The caller polls
            instead, and tries this again later.
        """

    def interrupt() -> None:
        """
        End the wait, and every later one: `await_revocation` returns at once. Idempotent. On any
        thread; waits for nothing.
        """


class IVerifiable(Interface):
    """
    An optional power of a store whose bytes can be damaged: it reports what the other methods skip
    in silence, and removes it. `cookietrack verify` uses it.
    """

    def damaged() -> Iterator[str]:
        """
        Read everything, and name what is damaged: a line of text for each record that cannot be
        decoded, and for each index entry or other part that contradicts the records.

        For people: it says where (an id, a line number) and what is wrong, and shows nothing of a
        record's content. In any order; never holding the whole store in memory; a change that is
        made during the call is no damage. On any thread but the reactor's.

        :raises StoreUnavailable: the engine does not answer.
        """

    def repair() -> int:
        """
        Remove what `damaged` reports, durably, and touch no record that can be decoded.

        :returns: how many damaged parts were removed, by this or by opening the store. Idempotent.
            Called like `ICookieStore.commit`.
        :raises StoreUnavailable: the engine does not answer.
        """


class IReadOnlyProvider(Interface):
    """
    An optional power of a provider: it opens a store for reading alone, for `cookietrack ls` and
    the like. Without it the command calls `ICookieStoreProvider.open`.
    """

    def open_readonly(options: Mapping[str, Any], node_dir: str) -> ICookieStore:
        """
        Open the store that `options` describe, as it is: nothing is made, purged, converted or
        repaired, and what a node does with the store goes on. Of the store's methods `commit` and
        `expire`, and `IVerifiable.repair` where it has that power, are not called.

        :raises StoreUnavailable, StoreLocked, StoreCorrupt: as `ICookieStoreProvider.open` does;
            `StoreUnavailable` also where there is no store.
        """


class IRecognizer(Interface):
    """
    An optional power of a provider: it knows a store of its type by what lies on the disk, for the
    command's hint to somebody who named another type, or none.
    """

    def recognize(path: str) -> str | None:
        """
        The value of the option `ICookieStoreProvider.place` that opens the store at `path`, a file
        or a directory; None where it is none of this type. A few pages are read, nothing is opened
        or altered, and no driver is needed.

        :raises OSError: it cannot be read.
        """


class IReaderSlots(Interface):
    """
    An optional power of a store whose readers each take one of a few slots, and keep it when they
    are killed: then no room is reused, and in the end nobody can read. `cookietrack diagnose` uses
    it.
    """

    def stale_readers() -> int:
        """How many slots belong to processes that have ended. It may wait as `load` does."""

    def clear_stale_readers() -> int:
        """Free these slots; how many there were. Safe at any time; idempotent."""


class IRouterCookieStore(Interface):
    """
    What Crossbar's router calls, on the reactor's thread, by position: its own names and orders.

    An `ICookieStore` is adapted to it. A provider may return one itself: its cookies are then
    neither tracked nor made durable by this plugin (that is how `database` works).
    """

    _cookie_id_field: str = Attribute("The cookie's name: Crossbar logs it.")

    def for_transport(cookie: Mapping[str, Any], methods: Collection[str]) -> "IRouterCookieStore":
        """
        This store as seen by one transport.

        :param cookie: the transport's `cookie` item: `name`, `length`, `max_age`, ...
        :param methods: the authentication methods that the transport offers. Without `cookie` among
            them the cookie only tracks, and logins are not stored.
        """

    def parse(headers: Mapping[str, str]) -> str | None:
        """The id of the cookie in the request headers (names in lower case), None without one."""

    def exists(cbtid: str) -> bool:
        """Whether the id is one that was issued and neither deleted nor expired."""

    def create() -> tuple[str, str]:
        """A new cookie: its id, and the `Set-Cookie` header with max-age and nothing else."""

    def getAuth(
        cbtid: str,
    ) -> tuple[str | None, str | None, str | None, str | None, dict[str, Any] | None]:
        """`(authid, authrole, authmethod, authrealm, authextra)`; five None without a login."""

    def setAuth(
        cbtid: str,
        authid: str | None,
        authrole: str | None,
        authmethod: str | None,
        authextra: Mapping[str, Any] | None,
        authrealm: str | None,
    ) -> bool:
        """Store a login; five None for none. Mind the order: `authextra` before `authrealm`."""

    def delAuth(cbtid: str) -> bool:
        """Delete the cookie. Whether there was one."""

    def addProto(cbtid: str, proto: Any) -> int:
        """Note an open connection of the cookie; how many there are."""

    def dropProto(cbtid: str, proto: Any) -> int:
        """Forget a connection of the cookie; how many are left."""

    def getProtos(cbtid: str) -> list[Any]:
        """The connections of the cookie that the router may close."""

    def close() -> Any:
        """Release the store: None, or a Deferred that fires when it is done. Idempotent."""
