"""A WSGI application behind `cookietrack-guard`: it greets by name, and has no login of its own."""

from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path
from string import Template
from typing import Any

PAGE = Template((Path(__file__).parent / "greeting.html").read_text(encoding="utf-8"))
SHOWN = {
    "user": "REMOTE_USER",
    "role": "HTTP_X_COOKIETRACK_AUTHROLE",
    "realm": "HTTP_X_COOKIETRACK_AUTHREALM",
    "id": "HTTP_X_COOKIETRACK_ID",
}


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with a page that has the user's name: the guard sets it, and no client can."""
    facts = {key: escape(text_of(environ[name])) for key, name in SHOWN.items()}
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [PAGE.substitute(facts).encode()]


def text_of(value: str) -> str:
    """WSGI has one character for each byte of UTF-8 (PEP 3333)."""
    return value.encode("latin-1").decode()
