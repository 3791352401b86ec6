"""Texts of the repository that are pages of the site: the READMEs, the changelog."""

import re
from pathlib import Path

from tools.site.links import EXAMPLES, ROOT, moved


def examples(folder: Path) -> str:
    """Each under a heading that is the name of its folder."""
    readmes = [*EXAMPLES.glob("*/README.md"), *EXAMPLES.glob("stores/*/README.md")]
    return "\n\n".join(_section(readme, folder) for readme in sorted(readmes))


def readme(folder: Path) -> str:
    """The README: forges show it first, the site as a page."""
    return moved((ROOT / "README.md").read_text(), ROOT, folder)


def changelog(folder: Path) -> str:
    """What has changed, by version."""
    return moved((ROOT / "CHANGELOG.md").read_text(), ROOT, folder)


def _section(readme: Path, folder: Path) -> str:
    heading, _, body = readme.read_text().partition("\n")
    _, _, about = heading.removeprefix("# ").partition(": ")
    sentence = f"{about[:1].upper()}{about[1:]}.\n\n" if about else ""
    deeper = re.sub(r"^(#+ )", r"#\1", body.strip(), flags=re.MULTILINE)
    text = moved(deeper, readme.parent, folder)
    name = readme.parent.name
    return f"## {name}\n\n{sentence}{text}"
