"""`cookietrack conformance`: the kit for store authors, run over a type that is installed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from cookietrack_plugin.admin.opening import opened
from cookietrack_plugin.admin.output import note, print_json, print_line
from cookietrack_plugin.admin.params import complete_store, json_option
from cookietrack_plugin.admin.place import Place, find_node, places
from cookietrack_plugin.admin.text import counted
from cookietrack_plugin.config.registry import DISTRIBUTION, keeps_records, owner, registrations
from cookietrack_plugin.errors import ConfigError, CookieTrackError
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.kit.permissions import unusable

KIT = "cookietrack_plugin.testing.conformance"
NEEDED = ("pytest", "hypothesis")
STDERR = 2
# What the store is called in the folder of a check.
NAME = "store"


class Unfinished(CookieTrackError):
    """The kit did not finish: what it printed says why."""


@click.command()
@click.argument("store", shell_complete=complete_store)
@click.option(
    "--badge",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write the badge to this file, as an SVG.",
)
@click.option("--only", metavar="WORDS", help="Run the checks that pytest's -k finds; no badge.")
@json_option
@click.pass_context
def conformance(
    ctx: click.Context, store: str, badge: Path | None, only: str | None, as_json: bool
) -> None:
    """
    Run the kit for store authors on a type.

    STORE is TYPE:LOCATION, where nothing is yet: a path that does not exist, or a database without
    a record. What the checks make there is removed. Prints what the store promises as a row of a
    table, and a badge; what a check finds wrong goes to stderr. The exit code is 1 if one fails.
    """
    if badge and only:
        raise ConfigError("--only runs a part of the kit, and --badge is for all of it")
    place = _place(store)
    _check_kit()
    with _scratch(place) as request:
        report = {**_run({**request, "only": only}), "versions": _versions(place.type)}
    svg = report.pop("svg")
    if badge:
        badge.write_text(svg)
    if as_json:
        print_json({"store": place.label, **report})
    else:
        _print(report)
    if not report["conforms"]:
        ctx.exit(1)


def _place(name: str) -> Place:
    if find_node(name) is not None:
        raise ConfigError("expected TYPE:LOCATION, found a node directory: its stores are in use")
    (place,) = places(name)
    if not keeps_records(place.provider):
        raise ConfigError(f"a {place.type} store keeps its records in a way of its own")
    try:
        place.provider.check(place.options)
    except ConfigError as error:
        raise type(error)(place.worded(error)) from error
    return place


def _check_kit() -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"the kit needs {' and '.join(missing)}, which is not installed:"
            ' pip install "cookietrack-plugin[testing]"'
        )


@contextmanager
def _scratch(place: Place) -> Iterator[Mapping[str, Any]]:
    """The kit's request, with a folder for its checks that exists within the block."""
    path = place.disk_path
    if path is None:
        if place.provider.place is not None:
            _check_empty(place)
        with TemporaryDirectory() as folder:
            yield _request(place, folder)
        return
    if os.path.lexists(path):
        raise ConfigError(f"there is something at {path} already: name a path that does not exist")
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        raise ConfigError(f"there is no directory {parent}")
    with _beside(path) as folder:
        yield _request(place.moved(NAME), folder)


def _beside(path: str) -> "TemporaryDirectory[str]":
    """A folder on the same file system."""
    directory, name = os.path.split(path)
    try:
        return TemporaryDirectory(prefix=f"{name}-", dir=directory)
    except OSError as error:
        raise unusable(path, error) from error


def _request(place: Place, folder: str) -> Mapping[str, Any]:
    return {
        "options": dict(place.options),
        "directory": place.directory,
        "scratch": folder,
        "on_disk": place.disk_path is not None,
    }


def _check_empty(place: Place) -> None:
    with opened(place, "make", "name a place of its own") as store:
        if next(records(store, limit=1), None) is not None:
            raise ConfigError(f"{place.label} has records: name a place where nothing is stored")


def _run(request: Mapping[str, Any]) -> dict[str, Any]:
    file = Path(request["scratch"]) / "request.json"
    file.write_text(json.dumps(request))
    file.chmod(0o600)
    # pytest's own report goes to stderr: stdout has the result, which programs parse.
    command = [sys.executable, "-m", KIT, str(file)]
    # No plugin that happens to be installed takes part.
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, stdout=STDERR, env=env, check=False)
    report: dict[str, Any] = json.loads(file.read_text())
    if done.returncode != 0 or "counts" not in report:
        raise Unfinished("the kit did not finish: see what it printed")
    return report


def _versions(store_type: str) -> list[str]:
    """What the row and the badge are of: the store's package, and this one, with their versions."""
    packages = [owner(entry) for entry in registrations(store_type)]
    return list(dict.fromkeys([*packages, f"{DISTRIBUTION} {version(DISTRIBUTION)}"]))


def _print(report: Mapping[str, Any]) -> None:
    print_line(f"| {' | '.join(report['headings'])} |")
    print_line(f"|{'---|' * len(report['headings'])}")
    print_line(f"| {' | '.join(report['cells'])} |")
    print_line("")
    if report["partial"]:
        print_line(f"{report['said']}, of a part of the kit")
    else:
        print_line(f"[cookietrack kit | {report['said']}]")
    print_line(f"Of {', '.join(report['versions'])}.")
    if skipped := report["counts"]["skipped"]:
        note(f"{counted(skipped, 'check')} skipped: of powers that the store does not have")
    if report["untried"]:
        note(f"not tried, as the store's own tests have to do it: {', '.join(report['untried'])}")
    for name in report["failed"]:
        note(f"failed: {name}")
