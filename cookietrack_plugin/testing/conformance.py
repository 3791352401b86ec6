"""
The kit, run over an installed store type: `python -m cookietrack_plugin.testing.conformance FILE`.

FILE has a JSON object: the `options` of a store, the `directory` that its relative paths begin in,
`scratch`, a folder for the checks, `on_disk`, whether the store goes into that, and `only`, words
for pytest's -k or null. Afterwards it has what `run` gives.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from cookietrack_plugin.interfaces import ICookieStoreProvider
from cookietrack_plugin.record import Cookie, Delete
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.testing.badge import badge
from cookietrack_plugin.testing.bulk import commit_all
from cookietrack_plugin.testing.named import NamedProvider
from cookietrack_plugin.testing.promises import HEADINGS, promises_of
from cookietrack_plugin.testing.samples import NOW

_SETTINGS = ("-q", "-c", "/dev/null", "-p", "no:cacheprovider", "-p", "no:randomly")
_MODULE = """\
from cookietrack_plugin.testing.conformance import suite_of
TestStore = suite_of({options!r}, {node_dir!r})
"""
# A check that needs a hook says so when it is skipped.
_UNTRIED = {
    "damage() is not": "damage",
    "plant() is not": "foreign data",
    "break_store() is not": "faults",
    "take_away() is not": "a place that is gone",
    "`cramped_options` are not": "a full store",
}


class Tally:
    """A plugin of pytest that counts."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter(passed=0, skipped=0, failed=0)
        self.failed: list[str] = []
        self.untried: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            name = report.nodeid.rpartition("::")[2]
            self.failed += [name] if name not in self.failed else []
            self.counts["failed"] = len(self.failed)
        elif report.skipped:
            self.counts["skipped"] += 1
            self.untried |= {said for sign, said in _UNTRIED.items() if sign in report.longreprtext}
        elif report.when == "call":
            self.counts["passed"] += 1


def suite_of(options: Mapping[str, Any], node_dir: str | None) -> type:
    """
    The suite for a store.

    :param node_dir: where a store outside of this machine's files is opened: it is emptied before
        each check. None for one in files, which each check makes in a folder of its own.
    """
    from cookietrack_plugin.testing import DurableStoreSuite, StoreSuite

    provider = NamedProvider(str(options["type"]))
    made = provider()
    is_exclusive = made.volatile or made.exclusive

    class TestStore(StoreSuite if made.volatile else DurableStoreSuite):  # type: ignore[misc]
        lacks = {"sharing": "one process at a time can have it open"} if is_exclusive else {}

        @pytest.fixture
        def store_options(self) -> Iterator[Mapping[str, Any]]:
            if node_dir is not None:
                _empty(provider(), options, node_dir)
            yield options
            if node_dir is not None:
                _empty(provider(), options, node_dir)

    TestStore.provider = provider
    TestStore.options = options
    return TestStore


def run(request: Mapping[str, Any]) -> dict[str, Any]:
    """
    Run the checks.

    :returns: whether the store `conforms`, whether that is of a part of the kit alone (`partial`),
        `counts` of the checks by outcome, those that `failed`, what is `untried`, `headings` and
        `cells` of the store's row, and a badge: as text (`said`) and as an SVG.
    """
    tally = Tally()
    conforms = pytest.main(_arguments(request), plugins=[tally]) == pytest.ExitCode.OK
    said = f"{tally.counts['passed']} passed"
    said += f", {tally.counts['failed']} failed" if tally.failed else ""
    return {
        "conforms": conforms,
        "partial": bool(request["only"]),
        "counts": dict(tally.counts),
        "failed": tally.failed,
        "untried": sorted(tally.untried),
        "headings": HEADINGS,
        "cells": _cells(request),
        "said": said,
        "svg": badge("cookietrack kit", said, conforms),
    }


def _arguments(request: Mapping[str, Any]) -> list[str]:
    """Those of pytest, for a module that has the suite."""
    options, scratch = request["options"], Path(request["scratch"])
    has_place = request["on_disk"] or NamedProvider(options["type"])().place is None
    node_dir = None if has_place else request["directory"]
    module = scratch / "test_conformance.py"
    module.write_text(_MODULE.format(options=options, node_dir=node_dir))
    chosen = ["-k", request["only"]] if request["only"] else []
    folders = [f"--rootdir={scratch}", f"--basetemp={scratch / 'checks'}"]
    return [*_SETTINGS, *folders, *chosen, str(module)]


def _cells(request: Mapping[str, Any]) -> list[str]:
    options, on_disk = request["options"], request["on_disk"]
    provider = NamedProvider(options["type"])()
    node_dir = request["scratch"] if on_disk else request["directory"]
    store: Any = provider.open(options, node_dir)
    try:
        return promises_of(options["type"], provider, store, on_disk).cells()
    finally:
        store.close()


def _empty(provider: ICookieStoreProvider, options: Mapping[str, Any], node_dir: str) -> None:
    """Remove the records of the last check. Those of anybody else end the run."""
    store: Any = provider.open(options, node_dir)
    try:
        found = list(records(store))
        if not all(map(_is_ours, found)):
            pytest.exit("expected records of the kit alone, found another: name an empty place", 1)
        commit_all(store, [Delete(cookie.id) for cookie in found])
    finally:
        store.close()


def _is_ours(cookie: Cookie) -> bool:
    """By the clock of the checks, which stands in another century, or by an id of `make_id`."""
    return cookie.created >= NOW or cookie.id.isdigit()


def main() -> None:
    file = Path(sys.argv[1])
    file.write_text(json.dumps(run(json.loads(file.read_text()))))


if __name__ == "__main__":
    main()
