"""What the pages of the documentation show: code by its language, and lines to type."""

import re
from collections.abc import Iterator
from pathlib import Path

from tools.prose import pages

TOP = Path(__file__).parents[2]
PAGES = pages(TOP)
_FENCED = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^ {4,}\S.*\n|^\n(?= {4}))+", re.MULTILINE)
# A command may have a comment behind it.
_COMMENT = re.compile(r"\s{2,}#.*$")


def name_of(page: Path) -> str:
    return str(page.relative_to(TOP))


def blocks(page: Path, language: str) -> list[str]:
    """The fenced code of a page in one language."""
    found = _FENCED.findall(page.read_text())
    return [
        re.sub(rf"^{indent}", "", code, flags=re.MULTILINE)
        for indent, name, code in found
        if name == language
    ]


def indented(page: Path) -> list[str]:
    """Its indented code, each without the indentation."""
    found = _INDENTED.findall(_FENCED.sub("", page.read_text()))
    return [re.sub(r"^ +", "", each, flags=re.MULTILINE).strip() for each in found]


def typed_lines(page: Path) -> Iterator[str]:
    """What somebody types, a line each; also what is no command."""
    for block in indented(page):
        yield from (_COMMENT.sub("", line) for line in block.splitlines() if line)
