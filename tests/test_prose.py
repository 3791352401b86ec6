"""The sentences of the pages and of the latest fragments; what messages point to."""

import ast
import re
from pathlib import Path

import pytest

from tools.prose import fragments, long_sentences, pages, warned_words

TOP = Path(__file__).parent.parent
THIRTY = " ".join(["Word"] * 30)


READ = [*pages(TOP), *fragments(TOP)]


@pytest.mark.parametrize("page", READ, ids=lambda page: str(page.relative_to(TOP)))
def test_no_sentence_is_long_and_no_word_hides_what_is_meant(page: Path) -> None:
    text = page.read_text()
    assert long_sentences(text) == []
    assert warned_words(text) == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (f"{THIRTY}.", 0),
        (f"{THIRTY} more.", 1),
        (f"{THIRTY}\nmore.", 1),
        (f"{THIRTY}. {THIRTY}.", 0),
        (f"`code.` {THIRTY}.", 1),
        (f"- {THIRTY}\n- {THIRTY}", 0),
        (f"- {THIRTY}\n  more", 1),
        (f"# {THIRTY}\nmore", 0),
        (f"{THIRTY}\n\nmore", 0),
        (f"| {THIRTY} | more |\n|---|---|", 0),
        (f"    {THIRTY} more", 0),
        (f"```\n{THIRTY} more\n```", 0),
        (f"<!-- {THIRTY} more -->", 0),
        (f"[{THIRTY}](https://example.com/more)", 0),
        (f"```{{glossary}}\nterm\n  {THIRTY} more.\n```", 1),
        (f"```{{glossary}}\nterm\n  {THIRTY}.\n\nterm\n  {THIRTY}.\n```", 0),
        (f"```{{glossary}}\nterm\n  {THIRTY}\n  more.\n```", 1),
    ],
)
def test_a_sentence_of_more_than_30_words_is_found(text: str, number: int) -> None:
    assert len(long_sentences(text)) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("It is written anew.", 1),
        ("Whoever comes, in the\nplace of others.", 2),
        ("The word renewal is fine.", 0),
        ("`whoever` is code.", 0),
        ("| whoever |", 0),
    ],
)
def test_a_word_that_is_warned_of_is_found(text: str, number: int) -> None:
    assert len(warned_words(text)) == number


def strings(path: Path) -> set[str]:
    """The texts of a module that are no docstrings: what people may be shown."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    docstrings = {
        ast.get_docstring(node, clean=False) for node in nodes if isinstance(node, documented)
    }
    values = {node.value for node in nodes if isinstance(node, ast.Constant)}
    return {value for value in values - docstrings if isinstance(value, str)}


def test_no_message_points_to_a_file_that_an_installed_package_lacks() -> None:
    lacking = re.compile(r"\b(docs|tests|node_examples|benchmarks)/|\b(README|CONTRIBUTING)\b")
    package = TOP / "cookietrack_plugin"
    found = [
        (str(path.relative_to(TOP)), text)
        for path in sorted(package.rglob("*.py"))
        for text in strings(path)
        if lacking.search(text)
    ]
    assert found == []
