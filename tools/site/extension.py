"""The Sphinx extension: fills the marks of a page, and leads its links out of `docs/` somewhere."""

from pathlib import Path
from typing import Any

from tools.site.links import within_site
from tools.site.parts import filled, has_parts

DOCS = Path(__file__).parents[2] / "docs"


def setup(app: Any) -> dict[str, Any]:
    app.connect("source-read", prepare)
    app.connect("env-get-outdated", outdated)
    return {"parallel_read_safe": True}


def prepare(app: Any, name: str, source: list[str]) -> None:
    """Before a page is parsed."""
    folder = (DOCS / name).parent
    source[0] = within_site(filled(source[0], folder), folder)


def outdated(app: Any, env: Any, added: set[str], changed: set[str], removed: set[str]) -> Any:
    """The pages that are made of the code: Sphinx does not see when that has changed."""
    return [name for name in env.found_docs if has_parts(Path(env.doc2path(name)).read_text())]
