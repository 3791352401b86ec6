"""The kit itself: an honest store passes, and for every check there is a store that it fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import getdoc

import pytest
from hypothesis import Phase, settings

from cookietrack_plugin import errors, interfaces, record
from cookietrack_plugin.testing import DurableStoreSuite
from cookietrack_plugin.testing.checks import faults, feed, pages, unblocked, unblocked_loads
from cookietrack_plugin.testing.checks.claims import ClaimChecks
from cookietrack_plugin.testing.checks.closing import CloseChecks
from cookietrack_plugin.testing.checks.crashes import CrashChecks
from cookietrack_plugin.testing.checks.locking import LockChecks
from cookietrack_plugin.testing.checks.reopening import ReopenChecks
from tests.testing.broken.reopening import TearsBatches
from tests.testing.honest import (
    DurableCase,
    LockedProvider,
    SqliteStore,
    UnblockedProvider,
    UnsharedCase,
    VolatileProvider,
)
from tests.testing.registry import BROKEN

pytest_plugins = "pytester"

CONTRACT = (interfaces, record, errors)

# That a check fails is enough: the shortest history that it fails with takes minutes to find. It
# has to fail in each run, so each run tries the same ones.
settings.register_profile("first failure", phases=[Phase.generate], derandomize=True)

BROKEN_PROVIDER = "from {module} import {name} as Provider"
BROKEN_STORE = """
from tests.testing.honest import {kind}Provider
from {module} import {name}

class Provider({kind}Provider):
    exclusive = {exclusive}
    store_class = {name}
"""
SUITE = """
from cookietrack_plugin.testing import {suite}
from tests.testing.honest import {case}
from broken_provider import Provider

class TestBroken({case}, {suite}):
    provider = Provider
    rounds = 20
"""
# Hundreds of other items need not be made for each.
ONE_CHECK = """
def pytest_pycollect_makeitem(name):
    if name.startswith("test_") and name != "{check}":
        return []
"""


class TestHonestStore(DurableCase, DurableStoreSuite):
    """One with every optional power."""

    provider = UnblockedProvider
    rounds = 5


class TestHonestStoreOfOneProcess(
    UnsharedCase, ClaimChecks, CloseChecks, LockChecks, ReopenChecks, CrashChecks
):
    """The checks of what such a store does otherwise."""

    durable = True
    provider = LockedProvider
    rounds = 3


# What these run is measured with the stores that pass.
@pytest.mark.no_cover
@pytest.mark.parametrize("check", sorted(BROKEN))
def test_a_broken_store_fails(check: str, pytester: pytest.Pytester) -> None:
    assert run(BROKEN[check], check, pytester) >= 1


def test_a_store_that_tears_batches_does_not_survive_kill_9(pytester: pytest.Pytester) -> None:
    check = "test_what_was_acknowledged_survives_kill_9"
    assert run(TearsBatches, check, pytester) == 1


def test_every_check_is_failed_by_some_store() -> None:
    checks = {name for name in dir(DurableStoreSuite) if name.startswith("test_")}
    assert checks == set(BROKEN)


@pytest.mark.parametrize("check", sorted(BROKEN))
def test_every_check_says_in_one_line_what_it_demands_and_quotes_the_contract(check: str) -> None:
    demand, empty, *quotation = getdoc(getattr(DurableStoreSuite, check)).splitlines()
    assert demand
    assert not empty
    name, _, sentence = " ".join(quotation).partition(": ")
    assert sentence[0] == sentence[-1] == '"'
    assert sentence[1:-1] in " ".join(contract(name).split())


def contract(name: str) -> str:
    """What the contract says of `interfaces`, or of a name in it, in `record` or in `errors`."""
    if name == "interfaces":
        return interfaces.__doc__
    first, *rest = name.split(".")
    (found,) = [vars(each)[first] for each in CONTRACT if first in vars(each)]
    for each in rest:
        found = found[each]
    return found.__doc__


def test_what_a_store_is_said_to_lack_has_to_exist() -> None:
    with pytest.raises(TypeError, match="share"):
        type("Misspelt", (DurableStoreSuite,), {"lacks": {"share": "of no use"}})


@contextmanager
def impatient() -> Iterator[None]:
    """No check of the kit waits long, or looks for the smallest example of what is wrong."""
    before = settings.get_current_profile_name()
    settings.load_profile("first failure")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faults, "RECOVERY_S", 0.5)
        for module in (feed, pages, unblocked, unblocked_loads):
            patch.setattr(module, "PATIENCE", 1)
        yield
    settings.load_profile(before)


def run(broken: type, check: str, pytester: pytest.Pytester) -> int:
    """How often one check of the kit fails over a broken provider or store."""
    durable = issubclass(broken, SqliteStore)
    kind = "Durable" if durable else "Volatile"
    names = {
        "module": broken.__module__,
        "name": broken.__name__,
        "kind": kind,
        "case": getattr(broken, "case", f"{kind}Case"),
        "exclusive": getattr(broken, "case", None) == "UnsharedCase",
        "suite": "DurableStoreSuite" if durable else "StoreSuite",
    }
    provider = BROKEN_PROVIDER if issubclass(broken, VolatileProvider) else BROKEN_STORE
    pytester.makeconftest(ONE_CHECK.format(check=check))
    pytester.makepyfile(broken_provider=provider.format(**names), test_broken=SUITE.format(**names))
    pytester.syspathinsert()
    with impatient():
        reports = pytester.inline_run("-p", "no:cacheprovider")
    assert not reports.getfailures("pytest_collectreport")
    results = reports.getreports("pytest_runtest_logreport")
    return sum(result.failed for result in results if result.when == "call")


class Unfinished(DurableStoreSuite):
    """What an author has begun to write."""

    __test__ = False


class Instance(Unfinished):
    provider = UnblockedProvider()
    options = {"path": "cookies"}


@pytest.mark.parametrize(
    ("suite", "provider", "options"),
    [
        (Unfinished, "found nothing", "found nothing"),
        (Instance, "of type Unblocked", "of type dict"),
    ],
)
def test_an_author_is_told_what_a_suite_has_to_set(suite, provider, options):
    with pytest.raises(pytest.fail.Exception, match=f"provider: expected a class.*{provider}"):
        suite().new_provider()
    with pytest.raises(pytest.fail.Exception, match=f"options: expected a store item.*{options}"):
        suite().new_options()


def test_what_a_suite_lacks_is_a_mapping():
    with pytest.raises(TypeError, match="expected a mapping from a name to a reason"):
        type("Listed", (Unfinished,), {"lacks": ["sharing"]})
