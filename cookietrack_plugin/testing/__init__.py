"""
The kit for store authors: a conformance suite for pytest that covers the contract in
`cookietrack_plugin.interfaces`. It needs pytest and hypothesis (`cookietrack-plugin[testing]`).

    from cookietrack_plugin.testing import DurableStoreSuite

    class TestRocksdbStore(DurableStoreSuite):
        provider = RocksdbProvider
        options = {"type": "rocksdb", "path": "cookies"}

`DurableStoreSuite` is for stores that promise to keep what they were given, `StoreSuite` for those
that do not. `case.StoreCase` says what else an author can set, and how to say what a store lacks.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cookietrack_plugin.testing.suites import DurableStoreSuite, StoreSuite

__all__ = ["TEMPLATE", "DurableStoreSuite", "StoreSuite"]

#: The template of a store's package, for `copier copy`: see docs/writing-a-store.md.
TEMPLATE = Path(__file__).parent / "template"


def __getattr__(name: str) -> Any:
    # Not before it is asked for: the writer process, which the crash checks start again and again,
    # lives in this package too and must not wait for pytest and hypothesis.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import_module("pytest").register_assert_rewrite(f"{__name__}.checks")
    return getattr(import_module(f"{__name__}.suites"), name)
