"""A node directory without a configuration, as the launcher's command line names it."""

import sys

import pytest

from cookietrack_plugin.router import launcher
from cookietrack_plugin.router.nodedirectory import complaint


@pytest.fixture(autouse=True)
def app(tmp_path, monkeypatch):
    """An application's folder beside an empty one; we are above both."""
    monkeypatch.delenv("CROSSBAR_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    node = tmp_path / "app" / ".crossbar"
    node.mkdir(parents=True)
    (node / "config.json").write_text("{}")
    (tmp_path / "empty").mkdir()
    return tmp_path / "app"


@pytest.mark.parametrize("command", ["check", "start", "convert", "upgrade"])
@pytest.mark.parametrize("cbdir", ["--cbdir=app", "--cbdir app"])
def test_the_folder_of_an_application_is_answered_with_its_node_directory(command, cbdir):
    said = complaint([command, *cbdir.split()])
    assert said == (
        "there is no config.json or config.yaml in app, but in app/.crossbar:"
        " expected --cbdir app/.crossbar"
    )


@pytest.mark.parametrize("words", [["--cbdir", "empty"], ["--cbdir", "nowhere"], []])
def test_a_command_that_needs_a_configuration_says_where_there_is_none(words):
    directory = words[-1] if words else "."
    said = complaint(["check", *words])
    assert said == (
        f"there is no config.json or config.yaml in {directory}:"
        " crossbar-cookietrack init makes a node directory"
    )


@pytest.mark.parametrize(
    "words",
    [
        ["check", "--cbdir", "app/.crossbar"],
        ["check", "--cbdir", "app/.crossbar/config.json"],
        ["check", "--cbdir", "empty", "--config", "mine.json"],
        # Crossbar starts an empty node, which is administered over WAMP.
        ["start", "--cbdir", "empty"],
        ["start"],
        ["version"],
        ["check", "-h", "--cbdir", "empty"],
        [],
    ],
)
def test_all_else_is_crossbars_business(words):
    assert complaint(words) is None


def test_the_directories_that_crossbar_tries_are_tried(app, monkeypatch):
    monkeypatch.chdir(app)
    assert complaint(["check"]) is None
    monkeypatch.setenv("CROSSBAR_DIR", "../empty")
    assert "in ../empty" in complaint(["check"])


def test_the_launcher_ends_with_it_and_makes_no_directory(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["crossbar-cookietrack", "check", "--cbdir", "nowhere"])
    with pytest.raises(SystemExit, match=r"Error: there is no config\.json"):
        launcher.main()
    assert not (tmp_path / "nowhere").exists()
