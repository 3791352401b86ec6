"""
Lines of the pages that call programs of a system: what they name exists, in this repository or on
their page. A program that is installed here says more.
"""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.markdown import PAGES, TOP, name_of, typed_lines
from tests.support.missing import missing

DEPLOY = TOP / "node_examples" / "deploy"
# Users that a package of Debian's makes.
USERS = {"postgres"}
VERBS = {"daemon-reload", "enable", "start", "stop", "restart", "status"}
# Options of podman and docker that have a value.
VALUED = {"--name", "--tmpfs", "--time", "--entrypoint", "-p", "-v", "-t", "-f"}
FLAGS = {"-d", "-i", "--rm", "--read-only"}


def lines_of(program: str) -> list[tuple[Path, list[str]]]:
    """The words of the lines that call it, as whom ever, from the program on."""
    begin = re.compile(rf"(?:.*\$\(|sudo (?:-u \w+ )?)?({program} [^)]*)\)?$")
    lines = ((page, begin.match(line)) for page in PAGES for line in typed_lines(page))
    return [(page, shlex.split(found[1])) for page, found in lines if found]


def lines(program: str) -> pytest.MarkDecorator:
    found = lines_of(program)
    assert found, f"no page has a line for {program}"
    return pytest.mark.parametrize(
        ("page", "words"), found, ids=[f"{name_of(page)}-{words[1]}" for page, words in found]
    )


def option(words: list[str], name: str) -> str:
    return words[words.index(name) + 1]


def operands(words: list[str]) -> list[str]:
    """The words that are no options, and no values of options."""
    values = {index + 1 for index, word in enumerate(words) if word in VALUED}
    assert {word for word in words if word.startswith("-")} <= VALUED | FLAGS
    return [
        word for index, word in enumerate(words) if index not in values and not word.startswith("-")
    ]


def image_of(words: list[str]) -> str:
    """What is run: the first word behind the options."""
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            return word
        assert word in VALUED | FLAGS
        if word in VALUED:
            next(rest)
    raise AssertionError(words)


def images(page: Path) -> set[str]:
    return {option(words, "-t") for at, words in lines_of("podman") if at == page and "-t" in words}


def containers(page: Path) -> set[str]:
    found = [words for at, words in lines_of("podman") if at == page and "--name" in words]
    return {option(words, "--name") for words in found}


@lines("podman")
def test_images_containers_and_files_are_there(page: Path, words: list[str]) -> None:
    command = words[1]
    if command == "build":
        [context] = operands(words[2:])
        assert (TOP / context).is_dir()
        assert (TOP / option(words, "-f")).is_file()
    elif command == "run":
        assert image_of(words[2:]) in images(page)
    elif command == "exec":
        # What follows the container is a command, which `test_pages.py` checks.
        assert words[2] in containers(page)
    else:
        assert command in ("stop", "restart")
        assert set(operands(words[2:])) <= containers(page)


@lines("kubectl")
def test_manifests_and_what_they_name_are_there(page: Path, words: list[str]) -> None:
    if words[1] == "apply":
        assert list(yaml.safe_load_all((TOP / option(words, "-f")).read_text()))
        return
    manifest, name = (DEPLOY / "kubernetes.yaml").read_text(), kubernetes_name(words)
    key = {"secret": "secretName: ", "configmap": "configMap: {name: "}[words[2]]
    assert f"{key}{name}" in manifest


def kubernetes_name(words: list[str]) -> str:
    """Of what a line makes: `create secret generic NAME`, or `create configmap NAME`."""
    assert words[1] == "create"
    return words[4] if words[2:4] == ["secret", "generic"] else words[3]


def test_kubectl_takes_the_lines_that_make_something(tmp_path: Path) -> None:
    if not (kubectl := shutil.which("kubectl")):
        # Debian has no package of it, so CI need not have it.
        pytest.skip("kubectl is not installed")
    for file in ("myapp/.crossbar/config.json", "myapp/web/index.html"):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text("{}")
    for _, words in lines_of("kubectl"):
        if words[1] == "create":
            command = [kubectl, *words[1:], "--dry-run=client", "-o", "yaml"]
            done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
            made = yaml.safe_load(done.stdout)
            assert made["metadata"]["name"] == kubernetes_name(words)
            assert made["data"]


@lines("systemctl")
def test_units_are_there(page: Path, words: list[str]) -> None:
    verb, *units = [word for word in words[1:] if word != "--now"]
    assert verb in VERBS
    assert [unit for unit in units if not (DEPLOY / f"{unit}.service").exists()] == []


@lines("systemd-run")
def test_options_of_systemd_run_are_there(page: Path, words: list[str]) -> None:
    program = next(word for word in words[1:] if not word.startswith("-"))
    options = words[1 : words.index(program)]
    assert program.startswith("/opt/crossbar/bin/")
    if not (run := shutil.which("systemd-run")):
        missing("systemd-run is not installed")
    shown = subprocess.run([run, "--help"], capture_output=True, text=True, check=True).stdout
    names = {each.partition("=")[0] for each in options}
    assert [name for name in names if not re.search(rf"^.* {name}\b", shown, re.MULTILINE)] == []


@lines("openssl")
def test_openssl_does_what_the_line_says(page: Path, words: list[str], tmp_path: Path) -> None:
    if not (openssl := shutil.which("openssl")):
        missing("openssl is not installed (Debian: apt install openssl)")
    (tmp_path / ".crossbar").mkdir()
    subprocess.run([openssl, *words[1:]], cwd=tmp_path, capture_output=True, check=True)


def test_users_are_made_before_something_is_done_as_them() -> None:
    for page in PAGES:
        text = "\n".join(typed_lines(page))
        named = re.findall(r"sudo -u (\w+)|--uid=(\w+)|-o (\w+) -g|chown -R (\w+):", text)
        made = {line.split()[-1] for line in text.splitlines() if line.startswith("sudo useradd ")}
        assert {name for names in named for name in names if name} <= made | USERS


def test_the_places_of_the_service_are_those_of_its_unit() -> None:
    unit = (DEPLOY / "crossbar-cookietrack.service").read_text()
    places = re.compile(r"/(?:opt|etc|var/lib)/crossbar(?:/environment|/bin)?\b")
    page = TOP / "docs" / "howto" / "service.md"
    assert [place for place in set(places.findall(page.read_text())) if place not in unit] == []
