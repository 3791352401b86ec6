"""An event of a running node, as a person reads it in a line of `cookietrack watch`."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from cookietrack_plugin.admin.text import counted

# What the reason stands for. It is a method of authentication in these events, and of a session
# that comes back the method of its login.
_REASONS = {
    "login": "by {}",
    "resumed": "by its cookie, after a login by {}",
    "authenticated": "by {}, stored with the cookie",
}


def event_text(worker: str, event: Mapping[str, Any]) -> str:
    """
    When, where, what, who, by whom and why.

    :param worker: the id of the worker that it happened in.
    :param event: a line of the audit log, or how many were missed.
    """
    if "missed" in event:
        return f"{worker}: {counted(event['missed'], 'event')} missed: this reads too slowly"
    when = datetime.fromisoformat(event["time"]).astimezone()
    words = [f"{when:%H:%M:%S}", worker, f"{event['event']:13}", *_subject(event), *_cause(event)]
    return " ".join(words)


def _subject(event: Mapping[str, Any]) -> Iterator[str]:
    yield event["authid"] or "-"
    if event["authrealm"]:
        yield f"in {event['authrealm']}"
    if event["id"]:
        yield f"cookie {event['id']}"
    if event["peer"]:
        yield f"from {event['peer']}"


def _cause(event: Mapping[str, Any]) -> Iterator[str]:
    wording = _REASONS.get(event["event"])
    # Of a session that joins, the client is the cause.
    if event["by"] and wording is None:
        yield f"by {event['by']}" + (f" {event['by_authid']}" if event["by_authid"] else "")
    if event["reason"]:
        yield wording.format(event["reason"]) if wording else f"({event['reason']})"
