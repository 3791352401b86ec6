"""The documentation as a site: it is built without a warning, and its links lead somewhere."""

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from cookietrack_plugin import interfaces
from cookietrack_plugin.access.metrics import Outcome
from cookietrack_plugin.router.arguments import FILTERS
from cookietrack_plugin.tracking.events import Kind
from tests.support.shown import parsed
from tools.site.links import DOCS, EXAMPLES, EXAMPLES_PAGE, within_site
from tools.site.options import options_of, own_types
from tools.site.parts import filled, part

TOP = DOCS.parent


class Page(HTMLParser):
    """The targets of a page's links, and the places in it that links can lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.places = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.places |= {found.get("id") or "", (tag == "a" and found.get("name")) or ""}
        target = found.get("href") or found.get("src")
        if target and not urlsplit(target).scheme:
            self.targets.append(target)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `make docs` makes it: warnings are errors."""
    folder = tmp_path_factory.mktemp("site")
    builder = Path(sys.executable).parent / "sphinx-build"
    command = [builder, "-b", "html", "-q", "-W", "--keep-going", "-d", folder / "doctrees"]
    done = subprocess.run(
        [*command, DOCS, folder / "html"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


def broken(site: Path) -> Iterator[str]:
    """The links that lead nowhere."""

    @cache
    def page(path: Path) -> Page:
        return Page(path.read_text())

    for path in site.rglob("*.html"):
        for target in page(path).targets:
            file, _, place = target.partition("#")
            led = (path.parent / unquote(file).partition("?")[0]).resolve() if file else path
            led = led / "index.html" if led.is_dir() else led
            is_page = led.suffix == ".html"
            if not led.exists() or (is_page and unquote(place) not in page(led).places):
                yield f"{path.name}: {target}"


@pytest.mark.timeout(900)
def test_it_is_built_without_a_warning_and_its_links_lead_somewhere(site: Path) -> None:
    assert sorted(set(broken(site))) == []
    text = (site / "reference" / "command.html").read_text()
    assert all(f'id="cookietrack-{name}"' in text for name in ("ls", "migrate", "diagnose"))
    contract = (site / "reference" / "contract.html").read_text()
    assert "UserRevoked" in contract
    assert "generated:" not in "".join(page.read_text() for page in site.rglob("*.html"))


@pytest.mark.parametrize("store", own_types())
def test_the_options_of_a_store_in_the_readme_are_those_that_its_check_knows(store: str) -> None:
    readme = (TOP / "README.md").read_text()
    shown = [parsed(item) for item in re.findall(rf'`(\{{"type": "{store}".*?\}})` \|', readme)]
    assert shown
    assert all(each.keys() - {"type"} <= options_of(store).keys() for each in shown)


def test_every_metric_that_the_guide_names_is_on_the_page() -> None:
    table = part("metrics", DOCS)
    for name in ("store_up", "handshakes_total", "commit_seconds", "clock_skew_seconds"):
        assert f"| `cookietrack_{name}` |" in table
    assert "| `cookietrack_faults_total` | counter | `store`, `cause` |" in table


def test_every_value_of_a_label_is_on_the_page() -> None:
    found = part("labels", DOCS)
    values = [*Outcome, *(kind.value for kind in Kind), "StoreUnavailable", "ConfigError"]
    assert [each for each in values if f"| `{each}` |" not in found] == []


def test_the_answers_of_procedures_are_on_the_page() -> None:
    found = part("answers", DOCS)
    assert "| `authid` | a string or null |" in found
    assert "| `fresh` | a boolean or null |" in found
    assert "| `cursor` | a string or null |" in found
    assert [name for name in FILTERS if f"| `{name}` |" not in part("keywords", DOCS)] == []


def imported_modules() -> set[str]:
    """The modules of this package that stores by others import."""
    folders = (TOP / "cookietrack_plugin" / "testing" / "template", EXAMPLES / "stores")
    files = [file for folder in folders for file in folder.rglob("*.py*") if file.suffix != ".pyc"]
    texts = (file.read_text() for file in files)
    found = re.compile(r"^from (cookietrack_plugin[\w.]*) import", re.MULTILINE)
    return {name for text in texts for name in found.findall(text)}


def test_every_module_that_stores_by_others_import_is_on_a_page() -> None:
    pages = (DOCS / "reference").glob("*.md")
    shown = "".join(filled(page.read_text(), page.parent) for page in pages)
    modules = imported_modules()
    assert "cookietrack_plugin.stores.kit.ordered.engine" in modules
    assert [each for each in modules if not re.search(rf"module:: {each}$", shown, re.M)] == []


def test_every_procedure_is_on_the_page_with_its_arguments() -> None:
    found = part("procedures", DOCS)
    search = "[keywords of a search](#keywords-of-a-search)"
    shown = f"`authid?`, `authrealm?`, `limit?` (100), {search}"
    assert f"| `cookietrack.list` | {shown} |" in found
    assert "| `cookietrack.my.revoke` | `id` |" in found
    assert "`cookietrack.on_revoked`" in part("topics", DOCS)
    assert "| `cookietrack.error.login_not_stored` |" in part("errors", DOCS)


def test_the_contract_has_every_interface_with_the_types_of_its_methods() -> None:
    found = part("contract", DOCS)
    names = re.findall(r"^class (I\w+)\(", inspect.getsource(interfaces), re.MULTILINE)
    assert len(names) > 10
    assert [name for name in names if f".. py:class:: {name}\n" not in found] == []
    assert "ICookieStore.load(ids: Sequence[str]) -> Mapping[str, Cookie]" in found


@pytest.mark.parametrize(
    ("link", "led"),
    [
        ("[x](../README.md)", "[x](readme.md)"),
        ("[x](../CHANGELOG.md#a)", "[x](changelog.md#a)"),
        ("[x](../node_examples/)", "[x](howto/examples.md)"),
        ("[x](../node_examples/demo/)", "[x](howto/examples.md#demo)"),
        ("[x](../node_examples/demo/README.md)", "[x](howto/examples.md#demo)"),
        ("[x](../cookietrack_plugin/testing)", "[x](../cookietrack_plugin/testing/__init__.py)"),
        ("[x](guard.md#the-item)", "[x](guard.md#the-item)"),
        ("[x](https://example.com)", "[x](https://example.com)"),
        ("[x](#here)", "[x](#here)"),
        ("```\n[x](../README.md)\n```", "```\n[x](../README.md)\n```"),
    ],
)
def test_a_link_out_of_the_pages_leads_to_a_page_of_the_site(link: str, led: str) -> None:
    assert within_site(link, DOCS) == led


def test_the_examples_are_sections_of_one_page() -> None:
    text = part("examples", EXAMPLES_PAGE.parent)
    examples = TOP / "node_examples"
    readmes = [*examples.glob("*/README.md"), *examples.glob("stores/*/README.md")]
    names = sorted(path.parent.name for path in readmes)
    assert sorted(re.findall(r"^## (.*)$", text, re.MULTILINE)) == names
