"""Opening a store beside the node that uses it. Nothing is made, purged or locked unasked."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from cookietrack_plugin.admin.place import Place
from cookietrack_plugin.config.registry import keeps_records
from cookietrack_plugin.errors import ConfigError, StoreLocked, StoreUnavailable
from cookietrack_plugin.interfaces import ICookieStore, ICookieStoreProvider, IReadOnlyProvider

# `read`: alter nothing, not even by opening, so far as the provider can. `alter`: what is there.
# `make`: it, where it is missing.
Purpose = Literal["read", "alter", "make"]


@contextmanager
def opened(place: Place, purpose: Purpose, instead: str) -> Iterator[ICookieStore]:
    """
    The store, open within the block.

    :param instead: what to do where the store is a running node's alone: ends a sentence.
    :raises ConfigError: the store item is wrong, or the type keeps no records of ours.
    :raises CookieTrackError: what opening a store raises; `StoreUnavailable` where there is none.
    """
    provider = place.provider
    if provider.volatile:
        raise StoreUnavailable(f"a {place.type} store is in its worker's memory alone: {instead}")
    provider.check(place.options)
    try:
        store = _open(provider, place, purpose)
    except StoreLocked as error:
        raise StoreLocked(f"{error}: {instead}") from error
    try:
        yield store
    finally:
        store.close()


def _open(provider: ICookieStoreProvider, place: Place, purpose: Purpose) -> ICookieStore:
    # A node's start purges, not a look into the store.
    options = {key: value for key, value in place.options.items() if key != "purge_on_startup"}
    if purpose != "make" and place.path is not None and not os.path.exists(place.path):
        raise StoreUnavailable(f"there is no store at {place.label}")
    if purpose == "read" and IReadOnlyProvider.providedBy(provider):
        return provider.open_readonly(options, place.directory)
    _check_alterable(provider, place)
    if purpose == "alter" and not os.path.isfile(place.path or ""):
        _check_there(provider, options, place.directory)
    store = provider.open(options, place.directory)
    if not ICookieStore.providedBy(store):
        store.close()
        raise _not_ours(place)
    return store


def _check_alterable(provider: ICookieStoreProvider, place: Place) -> None:
    if not keeps_records(provider):
        raise _not_ours(place)
    if provider.exclusive and (pid := place.running_pid()) is not None:
        # Crossbar itself locks nothing, and would go on with a file that is no longer there.
        raise StoreLocked(f"{place.label} is in use by a running node (pid {pid})")


def _check_there(
    provider: ICookieStoreProvider, options: Mapping[str, Any], directory: str
) -> None:
    """A directory can be there without a store in it: a provider that only reads finds out."""
    if IReadOnlyProvider.providedBy(provider):
        provider.open_readonly(options, directory).close()


def _not_ours(place: Place) -> ConfigError:
    return ConfigError(
        f"a store of type {place.type!r} keeps its cookies in a way of its own, in which they"
        " cannot be altered from here"
    )
