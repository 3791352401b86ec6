"""From a `store.type` to the provider that an installed package registers under that name."""

import os
import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points

from zope.interface.exceptions import Invalid
from zope.interface.verify import verifyObject

from cookietrack_plugin.config.contract import check_contract
from cookietrack_plugin.errors import ConfigError, UnknownStoreType
from cookietrack_plugin.interfaces import ICookieStore, ICookieStoreProvider
from cookietrack_plugin.stores.kit.redaction import redact_url

GROUP = "cookietrack_plugin.stores"
DISTRIBUTION = "cookietrack-plugin"


def registrations(store_type: str) -> list[EntryPoint]:
    """The entry points that claim `store_type`, one for each distribution."""
    return list(_claims(store_type).values())


def installed_types() -> list[str]:
    """Every registered store type, sorted. Imports nothing."""
    return sorted(_installed(_state_of_path()))


def owner(entry: EntryPoint) -> str:
    """The distribution that registers `entry`, as pip writes it: `name version`."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value


def find_provider(store_type: str) -> ICookieStoreProvider:
    """
    Import and return the provider of `store_type`, and of no other.

    :raises UnknownStoreType: nobody, or more than one distribution, registers the name.
    :raises ConfigError: its package cannot be imported (that error is the cause), does not give a
        provider, or is written for another version of the contract.
    """
    claims = _claims(store_type)
    if not claims:
        raise _unknown(store_type)
    if len(claims) > 1:
        raise _ambiguous(store_type, claims)
    [(distribution, entry)] = claims.items()
    provider = _load(entry)
    try:
        verifyObject(ICookieStoreProvider, provider)
    except Invalid as error:
        raise ConfigError(
            f"store type {store_type!r} of {distribution} does not give an"
            f" ICookieStoreProvider: {error}"
        ) from error
    check_contract(provider, distribution)
    return provider


def keeps_records(provider: ICookieStoreProvider) -> bool:
    """Whether this plugin reads and writes the records of its stores: see `opens`."""
    return bool(provider.opens.isOrExtends(ICookieStore))


def _claims(store_type: str) -> Mapping[str, EntryPoint]:
    """The entry points that claim a type, by their distributions."""
    return _installed(_state_of_path()).get(store_type, {})


@lru_cache(maxsize=1)
def _installed(state: object) -> Mapping[str, Mapping[str, EntryPoint]]:
    """
    The claims of every type. Cached, as finding them reads the metadata of every distribution.

    :param state: differs once something was installed or removed.
    """
    found: dict[str, dict[str, EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        found.setdefault(entry.name, {})[owner(entry)] = entry
    return found


def _state_of_path() -> tuple[object, ...]:
    """Differs once something was installed or removed, as that alters its directory."""
    return tuple(map(_state_of, sys.path))


def _state_of(directory: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(directory or os.curdir)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _load(entry: EntryPoint) -> ICookieStoreProvider:
    """What the entry point names where that is a provider, else what it gives when called."""
    try:
        named = entry.load()
        return named if ICookieStoreProvider.providedBy(named) else named()
    # A third party's package may raise anything on import.
    except Exception as error:
        raise ConfigError(_load_failure(entry, error)) from error


def _load_failure(entry: EntryPoint, error: Exception) -> str:
    if _has_extra(entry) and _is_foreign_import(entry, error):
        assert entry.dist is not None
        return (
            f"store type {entry.name!r} needs a driver that is not installed ({error}):"
            f' pip install "{entry.dist.name}[{entry.name}]"'
        )
    return (
        f"store type {entry.name!r} of {owner(entry)} cannot be loaded:"
        f" {type(error).__name__}: {error}"
    )


def _has_extra(entry: EntryPoint) -> bool:
    """Whether its distribution has an extra of the type's name: the driver's, by convention."""
    extras = entry.dist.metadata.get_all("Provides-Extra") if entry.dist else None
    return entry.name in (extras or ())


def _is_foreign_import(entry: EntryPoint, error: Exception) -> bool:
    """Whether a package is missing that is not the provider's own."""
    missing = error.name or "" if isinstance(error, ImportError) else entry.module
    return missing.partition(".")[0] != entry.module.partition(".")[0]


def _ambiguous(store_type: str, distributions: Iterable[str]) -> UnknownStoreType:
    owners = " and ".join(sorted(distributions))
    return UnknownStoreType(
        f"store type {store_type!r} is claimed by {owners}: uninstall all but one of them"
    )


def _unknown(store_type: str) -> UnknownStoreType:
    types = installed_types()
    message = f"unknown store type {redact_url(store_type)!r}: expected one of {', '.join(types)}"
    if close := get_close_matches(store_type, types, n=1):
        message += f". Did you mean {close[0]!r}?"
    return UnknownStoreType(message)
