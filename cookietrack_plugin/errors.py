"""Errors, each named after its cause. Only `StoreUnavailable` is worth a retry."""


class CookieTrackError(Exception):
    """The root of every error that this package raises on purpose."""


class ConfigError(CookieTrackError):
    """The configuration is wrong: the message names what was expected and what was found."""


class UnknownStoreType(ConfigError):
    """No installed package registers the configured `store.type`, or more than one does."""


class StoreUnavailable(CookieTrackError):
    """The store cannot answer now and may answer later. The only error that is worth a retry."""


class PositionLost(StoreUnavailable):
    """A feed no longer knows what happened since the given position: it is too old, or foreign."""


class StoreLocked(StoreUnavailable):
    """Another process holds a store that only one can open; the message has its pid."""


class StoreCorrupt(CookieTrackError):
    """The store's place holds no store that can be read: another program's, damaged, or newer."""


class StoreFull(CookieTrackError):
    """There is no room for the change: the disk, the map or the configured limit is exhausted."""
