"""The generated parts of pages, by the name that their mark has: `<!-- generated: keys -->`."""

import json
import re
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

_MARK = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)
# The module of each, imported when a page needs it: Crossbar takes its time.
_MODULES = {
    "items": "keys",
    "guard": "services",
    "services": "services",
    "administration": "services",
    "stores": "options",
    "metrics": "metrics",
    "labels": "metrics",
    "answers": "answers",
    "keywords": "answers",
    "procedures": "wamp",
    "topics": "wamp",
    "errors": "wamp",
    "kinds": "lines",
    "actors": "lines",
    "contract": "contract",
    "examples": "texts",
    "changelog": "texts",
    "readme": "texts",
}


def part(name: str, folder: Path) -> str:
    """
    Its Markdown.

    :param folder: of the page, where links begin.
    """
    make: Callable[[Path], str] = getattr(import_module(f"tools.site.{_MODULES[name]}"), name)
    return make(folder).strip()


def filled(text: str, folder: Path) -> str:
    """A page with its generated parts."""
    return _MARK.sub(lambda mark: part(mark[1], folder), text)


def has_parts(text: str) -> bool:
    """Whether a page has a part that is made of the code."""
    return bool(_MARK.search(text) or "```{eval-rst}" in text)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """In Markdown."""
    lines = [head, tuple("---" for _ in head), *(tuple(row) for row in rows)]
    return "\n".join("| " + " | ".join(_cell(each) for each in line) + " |" for line in lines)


def literal(value: Any) -> str:
    """A value as a configuration has it."""
    return f"`{json.dumps(value)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")
