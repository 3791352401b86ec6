"""The kit itself: an honest store passes, and for every check there is a store that it fails."""

import sys
from collections import Counter

import pytest
from hypothesis import Phase, settings

from cookietrack_plugin.testing import DurableStoreSuite
from tests.testing import durable, volatile
from tests.testing.durable import DurableCase, LockedProvider, SqliteProvider, UnsharedCase
from tests.testing.registry import BROKEN

pytest_plugins = "pytester"

# That a check fails is enough: the shortest history that it fails with takes minutes to find.
settings.register_profile("first failure", phases=[Phase.generate])

KINDS = {durable: "Durable", volatile: "Volatile"}
SUITE = """
import cookietrack_plugin.testing.checks.scans as scans
from cookietrack_plugin.testing import {suite}
from {module} import {case}
from broken import Provider

scans.PATIENCE = 1

class TestBroken({case}, {suite}):
    provider = Provider
    rounds = 10
"""
PROVIDER = """
from {module} import {base}, {name}

class Provider({base}):
    store_class = {name}
"""


class TestHonestStore(DurableCase, DurableStoreSuite):
    provider = SqliteProvider


class TestHonestStoreOfOneProcess(UnsharedCase, DurableStoreSuite):
    provider = LockedProvider
    rounds = 5


@pytest.mark.parametrize("check", sorted(BROKEN))
def test_a_broken_store_fails(check: str, pytester: pytest.Pytester) -> None:
    assert run(BROKEN[check], check, pytester)["failed"] >= 1


def test_a_store_that_tears_batches_does_not_survive_kill_9(pytester: pytest.Pytester) -> None:
    check = "test_what_was_acknowledged_survives_kill_9"
    assert run(durable.TearsBatches, check, pytester)["failed"] == 1


def test_every_check_is_failed_by_some_store() -> None:
    checks = {name for name in dir(DurableStoreSuite) if name.startswith("test_")}
    assert checks == set(BROKEN)


def test_every_check_says_in_one_line_what_it_demands() -> None:
    for name in BROKEN:
        demand = getattr(DurableStoreSuite, name).__doc__
        assert demand is not None, name
        assert len(demand.splitlines()) == 1, name


def test_what_a_store_is_said_to_lack_has_to_exist() -> None:
    with pytest.raises(TypeError, match="share"):
        type("Misspelt", (DurableStoreSuite,), {"lacks": {"share": "of no use"}})


def run(broken: type, check: str, pytester: pytest.Pytester) -> Counter[str]:
    """The outcomes of one check of the kit over a broken store."""
    module = sys.modules[broken.__module__]
    kind = KINDS[module]
    is_provider = hasattr(broken, "check")
    case = getattr(broken, "case", None)
    names = {
        "module": module.__name__,
        "name": "MemoryStore" if is_provider else broken.__name__,
        "base": broken.__name__ if is_provider else f"{kind}Provider",
        "case": case.__name__ if case else f"{kind}Case",
        "suite": "StoreSuite" if kind == "Volatile" else "DurableStoreSuite",
    }
    pytester.makepyfile(broken=PROVIDER.format(**names), test_broken=SUITE.format(**names))
    pytester.syspathinsert()
    settings.load_profile("first failure")
    result = pytester.inline_run("-p", "no:cacheprovider", "-k", f"{check} or {check}[")
    settings.load_profile("default")
    return Counter(
        report.outcome for report in result.getreports("pytest_runtest_logreport") if report.failed
    )
