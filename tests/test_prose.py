"""The sentences of the pages and of the latest fragments, tables and code left out."""

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
