"""A provider by the name of its type: the processes of the checks find it where it is installed."""

from importlib.metadata import entry_points

from cookietrack_plugin.interfaces import ICookieStoreProvider

GROUP = "cookietrack_plugin.stores"


class NamedProvider:
    """Gives the provider of a store type, in this process and in those of the checks."""

    def __init__(self, store_type: str) -> None:
        self.store_type = store_type

    def __call__(self) -> ICookieStoreProvider:
        (entry, *_) = entry_points(group=GROUP, name=self.store_type)
        named = entry.load()
        return named if ICookieStoreProvider.providedBy(named) else named()

    def __hash__(self) -> int:
        return hash(self.store_type)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NamedProvider) and other.store_type == self.store_type
