"""What the prose of pages may not have: long sentences, and words that hide what is meant."""

import re
from collections.abc import Iterator
from pathlib import Path

MOST_WORDS = 30
# The number of the first fragment of a changelog that is read.
FIRST_READ = 194
WORDS = (
    *("overtaken", "told", "unheard", "under way", "anew", "let go", "lets go", "letting go"),
    *("sign of life", "signs of life", "in vain", "at rest"),
    *("meanwhile", "whoever", "whatever", "in the place of"),
)
_CODE_BLOCK = re.compile(r"^( *)(```|~~~).*?^\1\2`*$", re.MULTILINE | re.DOTALL)
# Its definitions are prose, indented below each term.
_GLOSSARY = re.compile(r"^```\{glossary\}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
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
    text = _GLOSSARY.sub(lambda found: _definitions(found[1]), _COMMENT.sub("", text))
    text = _CODE_BLOCK.sub("\n", text)
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


def _definitions(glossary: str) -> str:
    """A paragraph for each term, and one for what it means."""
    apart = re.sub(r"^(\S.*)$", r"\n\1\n", glossary, flags=re.MULTILINE)
    return re.sub(r"^  (?=\S)", "", apart, flags=re.MULTILINE)


def _is_other(line: str, lines: list[str]) -> bool:
    """A row of a table, or a line of indented code, which no paragraph goes on with."""
    found = _NOT_PROSE.match(line)
    return bool(found) and not (lines and line.startswith("    "))


def pages(top: Path) -> list[Path]:
    """Those at the top, those of `docs/`, and those of the examples, which the site has too."""
    named = [top / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md")]
    examples = top / "node_examples"
    readmes = [*examples.glob("*/README.md"), *examples.glob("stores/*/README.md")]
    return [*named, *sorted((top / "docs").rglob("*.md")), *sorted(readmes)]


def fragments(top: Path) -> list[Path]:
    """What `changelog.d` has of late: earlier fragments, and `CHANGELOG.md`, are history."""
    found = {path: int(path.name.split(".")[2]) for path in (top / "changelog.d").glob("*.*.*.md")}
    return sorted(path for path, number in found.items() if number >= FIRST_READ)
