"""Opening a store beside the node that uses it. Nothing is made, purged or locked unasked."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Literal

from cookietrack_plugin.admin.nodestore import running_store
from cookietrack_plugin.admin.output import note
from cookietrack_plugin.admin.ownership import kept_ownership
from cookietrack_plugin.admin.place import Place
from cookietrack_plugin.admin.pulse import PULSE
from cookietrack_plugin.admin.readcopy import read_copy
from cookietrack_plugin.admin.recognition import hinted
from cookietrack_plugin.config.location import is_home, location_of
from cookietrack_plugin.config.registry import keeps_records
from cookietrack_plugin.errors import ConfigError, StoreCorrupt, StoreLocked, StoreUnavailable
from cookietrack_plugin.interfaces import ICookieStore, ICookieStoreProvider, IReadOnlyProvider
from cookietrack_plugin.stores.kit.owners import name_of
from cookietrack_plugin.stores.kit.permissions import denied, is_absent, is_read_only, nearest

# `read`: alter nothing, not even by opening, as far as the provider can. `alter`: change a store
# that is there. `make`: the same, and make it where it is missing.
Purpose = Literal["read", "alter", "make"]


@contextmanager
def opened(
    place: Place, purpose: Purpose, instead: str, *, through_node: bool = True
) -> Iterator[ICookieStore]:
    """
    The store, open within the block.

    One that a running node has to itself is reached through that node: a `NodeStore`. It cannot be
    made that way.

    :param instead: what to do where a running node has the store to itself; ends the message.
    :param through_node: False to open it in this process or not at all.
    :raises ConfigError: the store item is wrong, or the type keeps no records of ours.
    :raises CookieTrackError: what opening a store raises; `StoreUnavailable` where there is none.
    """
    with running_store(place) as running:
        if running is None:
            with _opened(place, purpose, instead) as store:
                yield store
        elif purpose == "make" or not through_node:
            raise StoreLocked(f"{place.label} is in use by a running node: {instead}")
        else:
            with PULSE.naming(place.label):
                yield running


@contextmanager
def _opened(place: Place, purpose: Purpose, instead: str) -> Iterator[ICookieStore]:
    _check(place, purpose)
    with PULSE.naming(place.label), kept_ownership(place), ExitStack() as undo:
        store = _open_or_copy(place, purpose, instead, undo)
        try:
            yield store
        finally:
            store.close()


def _check(place: Place, purpose: Purpose) -> None:
    if place.provider.volatile:
        why = "nothing can be put there" if purpose == "make" else "no running node has it open"
        raise StoreUnavailable(f"a {place.type} store is in its worker's memory alone: {why}")
    try:
        place.provider.check(place.options)
    except ConfigError as error:
        raise type(error)(_hinted(place, error)) from error
    if purpose != "make":
        _check_present(place)


def _open_or_copy(place: Place, purpose: Purpose, instead: str, undo: ExitStack) -> ICookieStore:
    """Open the store; or, to read one that cannot be written to, a copy that `undo` removes."""
    try:
        return _open(place.provider, place, purpose)
    except StoreLocked as error:
        raise StoreLocked(f"{error}: {instead}") from error
    except StoreCorrupt as error:
        raise StoreCorrupt(_hinted(place, error)) from error
    except (StoreUnavailable, ConfigError, OSError) as error:
        if purpose != "read" or not _can_be_copied(place):
            raise _explained(place, error) from error
        copy = undo.enter_context(read_copy(place))
        store = _open(place.provider, copy, purpose)
        note(f"{place.label} cannot be written to from here: a copy of it is read")
        return store


def _can_be_copied(place: Place) -> bool:
    return place.disk_path is not None and is_read_only(place.disk_path)


def _explained(place: Place, error: Exception) -> Exception:
    """The same error with what the permissions, or what lies there, say about it."""
    path = place.disk_path
    node_dir = place.node.directory if place.node else None
    if path is not None and (why := denied(path, error, node_dir)) is not None:
        return StoreUnavailable(f"{place.label} cannot be used: {why}")
    if isinstance(error, OSError):
        return error
    return type(error)(_hinted(place, error))


def _hinted(place: Place, error: Exception) -> str:
    """The error's text; where a store of another type lies there, with how to name that."""
    told = place.worded(error)
    if place.disk_path is not None:
        return hinted(told, place.disk_path, place.type)
    location = location_of(place.options)
    if location is None or place.transports:
        return told
    return hinted(told, os.path.join(place.directory, location[1]))


def _open(provider: ICookieStoreProvider, place: Place, purpose: Purpose) -> ICookieStore:
    # Only the start of a node purges.
    options = {key: value for key, value in place.options.items() if key != "purge_on_startup"}
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


def _check_present(place: Place) -> None:
    if place.path is None or not is_absent(place.path):
        return
    raise StoreUnavailable(f"there is no store at {place.label}{_elsewhere(place)}")


def _elsewhere(place: Place) -> str:
    """A hint: no node has started yet, or a relative path was meant to begin in another place."""
    location = location_of(place.options)
    if place.transports:
        return _of_no_node(place, location)
    if is_home(place.options):
        return ": ~ stands for the home directory in a shell alone, write that out"
    if location is None or not os.path.exists(location[1]):
        return ""
    found = os.path.abspath(location[1])
    return f": its path begins in the node directory. There is something at {found}"


def _of_no_node(place: Place, location: tuple[str, str] | None) -> str:
    starting = f"the node makes it when it starts{_as_whom(place)}"
    is_relative = location is not None and not os.path.isabs(location[1])
    # Crossbar leaves its key in the directory that it is started with.
    if not is_relative or os.path.exists(os.path.join(place.directory, "key.pub")):
        return f": {starting}"
    return (
        f": no node was started in {place.directory}. If its node directory is another one, name it"
        f" with --cbdir; otherwise {starting}"
    )


def _as_whom(place: Place) -> str:
    """Who can make the store, if this user cannot."""
    if place.path is None or denied(place.path) is None:
        return ""
    above = nearest(place.path)
    me, owner = name_of(os.geteuid()), name_of(os.stat(above).st_uid)
    return f" as {owner}, to whom {above} belongs: {me} may not write to it"


def _check_alterable(provider: ICookieStoreProvider, place: Place) -> None:
    if not keeps_records(provider):
        raise _not_ours(place)
    if provider.exclusive and (pid := place.running_pid()) is not None:
        # Crossbar itself locks nothing, and would go on with a file that is no longer there.
        raise StoreLocked(f"{place.label} is in use by a running node (pid {pid})")


def _check_there(
    provider: ICookieStoreProvider, options: Mapping[str, Any], directory: str
) -> None:
    """A directory can be there without a store in it: opening it for reading finds out."""
    if IReadOnlyProvider.providedBy(provider):
        provider.open_readonly(options, directory).close()


def _not_ours(place: Place) -> ConfigError:
    return ConfigError(
        f"a store of type {place.type!r} keeps its cookies in a way of its own: they cannot be"
        " altered from here"
    )
