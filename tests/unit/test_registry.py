"""Store types by entry points: ours and other people's, through the same door."""

import shutil
import subprocess
import sys
import textwrap
from importlib import metadata

import pytest

from cookietrack_plugin.config import registry
from cookietrack_plugin.config.registry import GROUP, find_provider, installed_types
from cookietrack_plugin.errors import ConfigError, UnknownStoreType
from cookietrack_plugin.interfaces import ICookieStoreProvider
from cookietrack_plugin.stores.memory import MemoryProvider

PROVIDER = """
    from zope.interface import implementer
    from cookietrack_plugin.interfaces import ICookieStore, ICookieStoreProvider

    @implementer(ICookieStoreProvider)
    class Provider:
        summary = "somebody else's"
        volatile = False
        exclusive = False
        place = None
        opens = ICookieStore

        def check(self, options):
            pass

        def open(self, options, node_dir):
            raise NotImplementedError
"""

AS_A_MODULE = """
    from zope.interface import moduleProvides
    from cookietrack_plugin.interfaces import ICookieStore, ICookieStoreProvider

    moduleProvides(ICookieStoreProvider)
    summary, volatile, exclusive, place, opens = "a module", False, False, None, ICookieStore

    def check(options):
        pass

    def open(options, node_dir):
        raise NotImplementedError
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A function that puts a distribution on the path: its entry points, and a module of it."""

    def install(distribution, types, module="", name=None, extras=()):
        name = name or distribution.replace("-", "_")
        folder = tmp_path / distribution
        info = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        fields = ["Metadata-Version: 2.1", f"Name: {distribution}", "Version: 1.0"]
        fields += [f"Provides-Extra: {extra}" for extra in extras]
        (info / "METADATA").write_text("\n".join(fields))
        lines = [f"{store_type} = {target}" for store_type, target in types.items()]
        (info / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines]))
        (folder / f"{name}.py").write_text(textwrap.dedent(module))
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    yield install
    for path in tmp_path.iterdir():
        sys.modules.pop(path.name.replace("-", "_"), None)


def message(store_type, error=ConfigError):
    with pytest.raises(error) as caught:
        find_provider(store_type)
    assert type(caught.value) is error
    return str(caught.value)


def test_a_package_that_is_installed_while_a_node_runs_is_found(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UnknownStoreType):
        find_provider("late")
    info = tmp_path / "late-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: late\nVersion: 1.0")
    memory = "cookietrack_plugin.stores.memory:MemoryProvider"
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nlate = {memory}")
    assert find_provider("late").volatile
    shutil.rmtree(info)
    with pytest.raises(UnknownStoreType):
        find_provider("late")


def test_what_is_installed_is_looked_through_once(tmp_path, monkeypatch):
    calls = []

    def counted(**given):
        calls.append(given)
        return metadata.entry_points(**given)

    monkeypatch.setattr(registry, "entry_points", counted)
    monkeypatch.syspath_prepend(str(tmp_path))
    for store_type in ("memory", "file", "memory"):
        find_provider(store_type)
    assert len(calls) == 1


def test_a_type_of_ours_is_found_like_any_other():
    assert isinstance(find_provider("memory"), MemoryProvider)
    [entry] = registry.registrations("memory")
    assert registry.owner(entry) == f"cookietrack-plugin {metadata.version('cookietrack-plugin')}"


def test_a_type_of_somebody_else_is_found(install):
    install("somebodys-store", {"somebodys": "somebodys_store:Provider"}, PROVIDER)
    assert find_provider("somebodys").summary == "somebody else's"
    assert "somebodys" in installed_types()


def test_the_installed_types_are_sorted_and_named_once(install):
    install("a-store", {"zz": "a_store:Provider", "aa": "a_store:Provider"}, PROVIDER)
    install("b-store", {"aa": "b_store:Provider"}, PROVIDER)
    types = installed_types()
    assert types == sorted(set(types))
    assert {"aa", "zz", "memory", "file", "lmdb", "database"} <= set(types)


class TestAnUnknownType:
    def test_is_answered_with_the_installed_ones(self):
        installed = ", ".join(installed_types())
        assert message("zzz", UnknownStoreType) == (
            f"unknown store type 'zzz': expected one of {installed}"
        )

    @pytest.mark.parametrize(
        ("misspelt", "meant"), [("memroy", "memory"), ("lmbd", "lmdb"), ("files", "file")]
    )
    def test_is_answered_with_the_nearest_one(self, misspelt, meant):
        assert message(misspelt, UnknownStoreType).endswith(f". Did you mean {meant!r}?")

    def test_is_not_made_up_from_a_type_of_another_package(self, install):
        install("somebodys-store", {"somebodys": "somebodys_store:Provider"}, PROVIDER)
        assert message("somebody", UnknownStoreType).endswith("Did you mean 'somebodys'?")


class TestATypeThatTwoDistributionsClaim:
    def test_is_an_error_that_names_both(self, install):
        install("b-store", {"taken": "b_store:Provider"}, PROVIDER)
        install("a-store", {"taken": "a_store:Provider"}, PROVIDER)
        assert message("taken", UnknownStoreType) == (
            "store type 'taken' is claimed by a-store 1.0 and b-store 1.0:"
            " uninstall all but one of them"
        )

    def test_harms_no_other_type_of_the_two(self, install):
        install("a-store", {"taken": "a_store:Provider", "free": "a_store:Provider"}, PROVIDER)
        install("b-store", {"taken": "b_store:Provider"}, PROVIDER)
        assert find_provider("free").summary

    def test_is_an_error_for_one_of_ours_too(self, install):
        install("usurper", {"memory": "usurper:Provider"}, PROVIDER)
        assert "claimed by cookietrack-plugin" in message("memory", UnknownStoreType)

    def test_is_none_where_one_distribution_lies_on_the_path_twice(
        self, install, tmp_path, monkeypatch
    ):
        install("a-store", {"mine": "a_store:Provider"}, PROVIDER)
        monkeypatch.syspath_prepend(str(tmp_path / "a-store"))
        assert find_provider("mine").summary


class TestAPackageThatIsBroken:
    def test_is_named_with_its_own_traceback_as_the_cause(self, install):
        install("broken", {"broken": "broken:Provider"}, "import math\nmath.nonsense\n")
        with pytest.raises(ConfigError) as caught:
            find_provider("broken")
        assert str(caught.value) == (
            "store type 'broken' of broken 1.0 cannot be loaded:"
            " AttributeError: module 'math' has no attribute 'nonsense'"
        )
        cause = caught.value.__cause__
        assert isinstance(cause, AttributeError)
        assert cause.__traceback__ is not None

    @pytest.mark.parametrize(
        ("target", "told"),
        [
            ("broken:Missing", "AttributeError"),
            ("broken_elsewhere:Provider", "ModuleNotFoundError"),
            ("broken:fails", "ZeroDivisionError"),
            ("broken:not_callable", "TypeError"),
        ],
    )
    def test_is_named_whatever_is_wrong_with_it(self, install, target, told):
        module = "not_callable = 1\ndef fails():\n    1 / 0\n"
        install("broken", {"broken": target}, module)
        assert message("broken").startswith(
            f"store type 'broken' of broken 1.0 cannot be loaded: {told}: "
        )

    def test_harms_nobody_who_does_not_name_it(self, install):
        install("broken", {"broken": "broken:Provider"}, "raise SystemExit")
        assert "broken" in installed_types()
        assert find_provider("memory").summary


class TestAProvider:
    @pytest.mark.parametrize(
        ("module", "told"),
        [
            ("class Provider: pass", "does not"),
            (PROVIDER.replace("@implementer", "# "), "does not"),
            (PROVIDER.replace("def open", "def unlock"), "open"),
            (PROVIDER.replace("def check(self, options)", "def check(self)"), "check"),
            (PROVIDER.replace("summary =", "headline ="), "summary"),
        ],
    )
    def test_that_does_not_keep_the_contract_is_refused(self, install, module, told):
        install("lax", {"lax": "lax:Provider"}, module)
        found = message("lax")
        assert found.startswith("store type 'lax' of lax 1.0 does not give an ICookieStoreProvider")
        assert told in found

    @pytest.mark.parametrize(
        ("target", "more"),
        [
            ("given:Provider", ""),
            ("given:make", "def make(): return Provider()"),
            ("given:PROVIDER", "PROVIDER = Provider()"),
        ],
    )
    def test_is_what_the_entry_point_names_or_what_that_gives_when_called(
        self, install, target, more
    ):
        install("given", {"given": target}, "\n".join([textwrap.dedent(PROVIDER), more]))
        assert ICookieStoreProvider.providedBy(find_provider("given"))

    def test_can_be_a_module(self, install):
        install("given", {"given": "given"}, AS_A_MODULE)
        assert ICookieStoreProvider.providedBy(find_provider("given"))


class TestADriverThatIsMissing:
    def test_is_answered_with_the_extra_of_the_types_name(self, install):
        install("theirs", {"its": "theirs:Provider"}, "import no_such_driver", extras=["x", "its"])
        assert message("its") == (
            "store type 'its' needs a driver that is not installed (No module named"
            " 'no_such_driver'): pip install \"theirs[its]\""
        )

    def test_is_told_as_it_is_where_there_is_no_such_extra(self, install):
        install("theirs", {"its": "theirs:Provider"}, "import no_such_driver", extras=["other"])
        assert message("its") == (
            "store type 'its' of theirs 1.0 cannot be loaded: ModuleNotFoundError:"
            " No module named 'no_such_driver'"
        )

    @pytest.mark.parametrize("module", ["import theirs.missing", "import json\njson.missing"])
    def test_is_not_blamed_for_a_defect_of_the_package_itself(self, install, module):
        install("theirs", {"its": "theirs:Provider"}, module, extras=["its"])
        assert "cannot be loaded: " in message("its")

    def test_has_the_import_error_as_its_cause(self, install):
        install("theirs", {"its": "theirs:Provider"}, "import no_such_driver", extras=["its"])
        with pytest.raises(ConfigError) as caught:
            find_provider("its")
        assert isinstance(caught.value.__cause__, ModuleNotFoundError)

    def test_of_ours_has_an_extra_of_its_name(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "lmdb", None)
        for name in [name for name in sys.modules if "stores.lmdb" in name]:
            monkeypatch.delitem(sys.modules, name)
        assert 'pip install "cookietrack-plugin[lmdb]"' in message("lmdb")


def test_only_the_configured_type_is_imported():
    script = f"""
        import sys
        from cookietrack_plugin.config.registry import find_provider, installed_types
        installed_types()
        find_provider("memory")
        ours = "cookietrack_plugin.stores."
        print(sorted(name.removeprefix(ours) for name in sys.modules if name.startswith(ours)))
        print([name for name in sys.modules if name in {{"crossbar", "lmdb", "twisted.internet"}}])
        import importlib.metadata
        print(len(importlib.metadata.entry_points(group={GROUP!r})) > 1)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True
    )
    imported, foreign, several = done.stdout.splitlines()
    assert "memory" in imported
    assert not {"'lmdb'", "'file'", "'database'", "'sql'", "'redis'"} & set(
        imported.strip("[]").split(", ")
    )
    assert (foreign, several) == ("[]", "True")
