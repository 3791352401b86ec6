"""All records of a store, one after the other, for those who want all of them."""

from collections.abc import Iterator

from cookietrack_plugin.admin.pulse import PULSE
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Cookie
from cookietrack_plugin.stores.kit.paging import records


def read_all(
    store: ICookieStore, authid: str | None = None, authrealm: str | None = None
) -> Iterator[Cookie]:
    """
    Every record, or every one that is logged in as `authid` and/or in `authrealm`.

    :raises StoreCorrupt: they do not come to an end.
    """
    for cookie in records(store, authid, authrealm):
        PULSE.beat()
        yield cookie
