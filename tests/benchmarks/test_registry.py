"""Which benchmarks there are, and what the command says about others."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import Store, main
from benchmarks.registry import UnknownBenchmark, benchmarks, choose, find
from benchmarks.suite import SECONDS

SUITE = Path(__file__).parents[2] / "benchmarks" / "suite"


def test_every_module_of_the_suite_is_a_benchmark_of_its_name() -> None:
    modules = {path.stem for path in SUITE.glob("*.py")} - {"__init__"}
    assert set(benchmarks()) == modules
    assert [*benchmarks()] == [*SECONDS]


@pytest.mark.parametrize("name", SECONDS)
def test_every_benchmark_says_what_it_does(name: str) -> None:
    assert benchmarks()[name].title
    assert benchmarks()[name].text.endswith(".")


def test_an_unknown_name_is_answered_with_the_known_ones_and_the_nearest() -> None:
    with pytest.raises(UnknownBenchmark) as raised:
        find("handshake")
    assert all(name in str(raised.value) for name in SECONDS)
    assert str(raised.value).endswith("Did you mean 'handshakes'?")


def test_all_can_be_chosen() -> None:
    assert [each.name for each in choose("all")] == [*SECONDS]


def test_without_a_name_those_are_chosen_for_which_nothing_has_to_be_installed() -> None:
    chosen = [each.name for each in choose(None)]
    assert set(SECONDS) - set(chosen) == {
        "servers",
        "guard",
        "logouts",
        "outage",
        "growth",
        "pages",
    }
    assert [*chosen] == [name for name in SECONDS if name in chosen]


def test_some_are_chosen_by_name() -> None:
    assert [each.name for each in choose("growth, joins")] == ["growth", "joins"]
    with pytest.raises(UnknownBenchmark, match="'join'"):
        choose("growth,join")


def test_the_command_says_so_and_measures_nothing(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(main, ["--only", "nonsense", "--results", str(tmp_path)])
    assert outcome.exit_code == 2
    assert f"unknown benchmark 'nonsense': there are {', '.join(SECONDS)}" in outcome.output
    assert [*tmp_path.iterdir()] == []


def test_a_store_is_a_type_and_its_options() -> None:
    assert Store()('diskcache:{"path": ".c"}') == {"type": "diskcache", "path": ".c"}
    assert Store()("memory") == {"type": "memory"}


@pytest.mark.parametrize("options", ["{", "[1]", "3"])
def test_options_that_are_no_json_object_are_refused(options: str) -> None:
    outcome = CliRunner().invoke(main, ["--store", f"diskcache:{options}"])
    assert outcome.exit_code == 2
    assert f"{options!r} is no JSON object" in outcome.output
