"""What the prose of pages may not have: long sentences, and words that hide what is meant."""

import re
from collections.abc import Iterator
from pathlib import Path

MOST_WORDS = 30
WORDS = (
    *("overtaken", "told", "unheard", "under way", "anew", "let go", "lets go", "letting go"),
    *("sign of life", "signs of life", "in vain", "at rest"),
    *("meanwhile", "whoever", "whatever", "in the place of"),
)
_CODE_BLOCK = re.compile(r"^( *)(```|~~~).*?^\1\2`*$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_CODE = re.compile(r"(`+).+?\1", re.DOTALL)
_NOT_PROSE = re.compile(r"^(\|| {4,}\S|\(.*\)=$|:::|<[a-z/])")
_ITEM = re.compile(r"^ *([-*+]|\d+\.) +")
# An end, unless a small letter or a digit goes on: "e.g. this", "version 1. 2".
_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[^a-z0-9])")
_WARNED = re.compile(r"\b(" + "|".join(WORDS) + r")\b", re.IGNORECASE)


def long_sentences(text: str) -> list[str]:
    """Of a page in Markdown, without its tables and code."""
    return [each for each in sentences(text) if len(each.split()) > MOST_WORDS]


def warned_words(text: str) -> list[str]:
    """With some of what stands around them."""
    return [
        paragraph[max(0, found.start() - 30) : found.end() + 30]
        for paragraph in paragraphs(text)
        for found in _WARNED.finditer(paragraph)
    ]


def sentences(text: str) -> Iterator[str]:
    for paragraph in paragraphs(text):
        yield from (each for each in _END.split(paragraph) if each)


def paragraphs(text: str) -> Iterator[str]:
    """Each on one line: headings, items of lists, and what stands between empty lines."""
    text = _CODE_BLOCK.sub("\n", _COMMENT.sub("", text))
    text = _LINK.sub(r"\1", _CODE.sub("`code`", text))
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        if not line.strip() or line.startswith("#") or _ITEM.match(line) or _is_other(line, lines):
            yield from [" ".join(" ".join(lines).split())] if lines else []
            lines = []
        if line.startswith("#"):
            yield line.lstrip("# ")
        elif line.strip() and not _is_other(line, lines):
            lines.append(_ITEM.sub("", line))


def _is_other(line: str, lines: list[str]) -> bool:
    """A row of a table, or a line of indented code, which no paragraph goes on with."""
    found = _NOT_PROSE.match(line)
    return bool(found) and not (lines and line.startswith("    "))


def pages(top: Path) -> list[Path]:
    """The README, and the pages of `docs/`."""
    return [top / "README.md", *sorted((top / "docs").rglob("*.md"))]
