"""Links of pages to files that are not pages: on a forge they work as they are, on the site not."""

import os
import re
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS, EXAMPLES = ROOT / "docs", ROOT / "node_examples"
# Where the examples' READMEs are on the site.
EXAMPLES_PAGE = DOCS / "howto" / "examples.md"
_PAGES = {ROOT / "README.md": DOCS / "readme.md", ROOT / "CHANGELOG.md": DOCS / "changelog.md"}
_LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")
_FENCE = re.compile(r"^( *```.*?^ *```$)", re.MULTILINE | re.DOTALL)


def within_site(text: str, folder: Path) -> str:
    """
    A page whose links out of `docs/` lead to a page of the site, or to a copy of a file.

    :param folder: of the page.
    """
    return _outside_code(text, lambda part: _LINK.sub(lambda link: _led(link, folder), part))


def moved(text: str, origin: Path, folder: Path) -> str:
    """The same links for a page in `folder`, of a text that was written in `origin`."""

    def replace(link: re.Match[str]) -> str:
        target = os.path.relpath((origin / link[1]).resolve(), folder)
        return f"]({target}{link[2] or ''})"

    return _outside_code(text, lambda part: _LINK.sub(replace, part))


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    pieces = _FENCE.split(text)
    return "".join(each if index % 2 else change(each) for index, each in enumerate(pieces))


def _led(link: re.Match[str], folder: Path) -> str:
    path = (folder / link[1]).resolve()
    if path.is_relative_to(DOCS):
        return link[0]
    anchor = (link[2] or "") if path in _PAGES else ""
    return f"]({_target(path, folder)}{anchor})"


def _target(path: Path, folder: Path) -> str:
    if path in _PAGES:
        return os.path.relpath(_PAGES[path], folder)
    if path == EXAMPLES:
        return os.path.relpath(EXAMPLES_PAGE, folder)
    if path.is_relative_to(EXAMPLES) and (path / "README.md").exists():
        path /= "README.md"
    if path.name == "README.md" and path.is_relative_to(EXAMPLES):
        return os.path.relpath(EXAMPLES_PAGE, folder) + f"#{path.parent.name}"
    if path.is_dir():
        path /= "__init__.py"
    return os.path.relpath(path, folder)
