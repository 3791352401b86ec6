"""`cookietrack conformance`. What the kit itself finds wrong is the business of its own tests."""

import importlib.util
import xml.etree.ElementTree as ET
from importlib.metadata import version

import pytest

from cookietrack_plugin.admin import conformance
from cookietrack_plugin.record import Create
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.testing.badge import badge
from servers.redises import RedisServer
from tests.admin.conftest import JOE, PACKAGES, make_cookie, node_config
from tests.support.redis_stores import new_prefix, open_redis

pytest_plugins = ["tests.support.servers"]

# A few checks of each kind: opening, changes, and one with processes of its own.
SOME = "test_claims or test_a_touch or test_records_last"


def test_a_store_in_files_prints_its_row_and_leaves_nothing(run, here):
    answer = run("conformance", "file:new.dat", "--only", SOME)
    assert answer.code == 0, answer.err
    headings, ruler, row = answer.out.splitlines()[:3]
    assert headings.startswith("| store | records last | open in |")
    assert ruler.count("|") == headings.count("|") == row.count("|")
    assert row.startswith("| `file` | yes | one process |")
    assert "passed, of a part of the kit" in answer.out
    assert answer.out.endswith(f"\nOf cookietrack-plugin {version('cookietrack-plugin')}.\n")
    assert list(here.iterdir()) == []


def test_programs_get_json(run):
    found = run("conformance", "memory:", "--only", "test_claims", "--json").json
    assert found["conforms"]
    assert found["partial"]
    assert found["counts"]["failed"] == 0 < found["counts"]["passed"]
    assert found["versions"] == [f"cookietrack-plugin {version('cookietrack-plugin')}"]
    assert found["cells"][:3] == ["`memory`", "no", "one process"]


def test_a_store_that_fails_is_told_with_its_checks_and_an_exit_code(run, observed, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(PACKAGES / "observed"))
    answer = run("conformance", "observed:somewhere", "--only", "test_records_last")
    assert answer.code == 1
    assert "1 failed" in answer.out
    assert "failed: test_records_last_unless_the_provider_is_volatile" in answer.err


@pytest.mark.server
def test_a_check_with_ids_of_its_own_does_not_end_the_run(run, redis_server: RedisServer):
    only = "test_any_id_is_kept or test_ids_that_differ or test_times_are_exact"
    name = f'redis:{{"url": "{redis_server.url()}", "prefix": "{new_prefix()}"}}'
    answer = run("conformance", name, "--only", only)
    assert answer.code == 0, answer.err
    assert "3 passed" in answer.out


@pytest.mark.server
def test_a_store_on_a_server_is_empty_before_and_behind(run, redis_server: RedisServer):
    url, prefix = redis_server.url(), new_prefix()
    name = f'redis:{{"url": "{url}", "prefix": "{prefix}"}}'
    answer = run("conformance", name, "--only", SOME)
    assert answer.code == 0, answer.err
    assert "| `redis` | yes | several machines | yes | yes |" in answer.out
    store = open_redis(url, prefix=prefix)
    assert list(records(store)) == []
    cookie = make_cookie("somebody's", JOE)
    store.commit([Create(cookie)])
    refused = run("conformance", name)
    assert refused.code == 2
    assert "has records: name a place where nothing is stored" in refused.error
    assert list(records(store)) == [cookie]
    store.close()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nats:x", "unknown store type 'nats'"),
        ("missing-driver:x", "observed_store_driver"),
        ("lmdb:there", "there is something at"),
        ("lmdb:nowhere/store", "there is no directory"),
        ("database:x", "keeps its records in a way of its own"),
        ('lmdb:{"path": "x", "maxsize": -1}', "maxsize"),
    ],
)
def test_what_cannot_be_put_through_it_is_refused(run, here, observed, name, said):
    (here / "there").mkdir()
    answer = run("conformance", name)
    assert answer.code == 2
    assert said in answer.error
    assert list(here.iterdir()) == [here / "there"]


def test_a_node_is_no_place_for_it(run, make_node):
    directory = make_node(node_config({"type": "lmdb", "path": "cookies"}))
    answer = run("conformance", str(directory))
    assert answer.code == 2
    assert "found a node directory" in answer.error


def test_without_the_kits_needs_it_says_what_to_install(run, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        conformance, "find_spec", lambda name: None if name == "hypothesis" else find(name)
    )
    answer = run("conformance", "memory:")
    assert answer.code == 2
    assert (
        'needs hypothesis, which is not installed: pip install "cookietrack-plugin[testing]"'
        in (answer.error)
    )


def test_a_badge_is_for_the_whole_kit(run):
    answer = run("conformance", "memory:", "--only", "x", "--badge", "badge.svg")
    assert answer.code == 2
    assert "--badge is for all of it" in answer.error


@pytest.mark.parametrize(("good", "colour"), [(True, "#2c7a3f"), (False, "#b3261e")])
def test_a_badge_is_an_svg_that_says_the_same_without_its_colour(good, colour):
    drawn = badge("kit <1>", "3 passed & more", good)
    root = ET.fromstring(drawn)
    assert root.get("aria-label") == "kit <1>: 3 passed & more"
    assert [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")] == [
        "kit <1>",
        "3 passed & more",
    ]
    assert colour in drawn


def test_a_place_where_no_folder_can_be_made_is_named(run):
    answer = run("conformance", "file:/proc/new.dat")
    assert answer.code == 2
    assert answer.err == "Error: /proc/new.dat cannot be used: No such file or directory\n"
