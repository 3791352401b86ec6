"""The description for an index, which has none of the files that README.md points to."""

import re
from pathlib import Path

from setuptools import setup

# With targets that are no URLs.
PICTURE = re.compile(r"!\[[^]]*\]\((?!https?://)[^)]*\)")
LINK = re.compile(r"\[([^]]*)\]\((?!https?://)[^)]*\)")


def description(readme: str) -> str:
    """`readme` without its pictures, and with the words alone of links into the repository."""
    return LINK.sub(r"\1", PICTURE.sub("", readme))


if __name__ == "__main__":
    setup(long_description=description(Path("README.md").read_text()))
