"""`cookietrack stores`."""

import sys

from cookietrack_plugin.config.registry import installed_types


def found(run):
    return {each["type"]: each for each in run("stores", "--json").json}


def test_every_installed_type_is_listed_with_its_distribution_and_version(run, observed):
    types = found(run)
    assert sorted(types) == installed_types()
    assert types["observed"] == {
        "type": "observed",
        "from": [{"distribution": "observed-store", "version": "2.5"}],
        "available": True,
        "summary": "watched by a test",
        "volatile": False,
        "exclusive": False,
        "place": "url",
    }
    assert types["memory"]["from"][0]["distribution"] == "cookietrack-plugin"


def test_a_type_that_cannot_be_used_says_why(run, observed):
    missing = found(run)["missing-driver"]
    assert not missing["available"]
    assert "observed_store_driver" in missing["reason"]


def test_a_type_of_ours_without_its_driver_is_listed_with_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "lmdb", None)
    for name in [name for name in sys.modules if "stores.lmdb" in name]:
        monkeypatch.delitem(sys.modules, name)
    reason = found(run)["lmdb"]["reason"]
    assert 'pip install "cookietrack-plugin[lmdb]"' in reason


def test_a_person_gets_a_line_for_each_type(run, observed):
    lines = run("stores").out.splitlines()
    assert lines[0].split() == ["TYPE", "AVAILABLE", "FROM", "WHAT", "IT", "IS"]
    line = next(line for line in lines if line.startswith("observed "))
    assert line.split()[1:4] == ["yes", "observed-store", "2.5"]
