"""The procedures and topics of the WAMP component, and the errors that clients see."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cookietrack_plugin
from cookietrack_plugin.router.component import PREFIX, PUBLISHED
from cookietrack_plugin.router.devices import DeviceProcedures
from cookietrack_plugin.router.operators import OperatorProcedures
from tools.site.parts import table

_MEANINGS = {
    "created": "a client got a new cookie",
    "authenticated": "somebody has logged in with it",
    "revoked": "it was ended, by a logout or by somebody else; or a user was, then `id` is null",
    "expired": "its lifetime was over while it was connected",
}


def procedures(_: Path) -> str:
    """First those of operators, then those of users."""
    store: Any = None
    operators = OperatorProcedures(store, "").by_name()
    users = DeviceProcedures(store, store, "").by_name()
    return "\n\n".join(
        [
            "## For operators",
            table(_HEAD, [_row(name, each) for name, each in operators.items()]),
            "## For users and their own devices",
            table(_HEAD, [_row(name, each) for name, each in users.items()]),
        ]
    )


_HEAD = ("procedure", "arguments", "what it does or gives", "answer")
_COOKIES = "a list of [cookies](#a-cookie), or [a page](#a-page) of them"
_ENDED = "[how many](#an-end)"
_ANSWERS = {
    "list": _COOKIES,
    "get": "[a cookie](#a-cookie), or null",
    "count": "an integer",
    "stat": "[numbers](#numbers-of-a-store)",
    "revoke": _ENDED,
    "revoke_by_authid": _ENDED,
    "my.list": f"{_COOKIES}, each with `current`",
    "my.freshness": "[a login's age](#the-age-of-a-login)",
    "my.revoke": _ENDED,
    "my.revoke_others": _ENDED,
}


def _row(name: str, procedure: Callable[..., Any]) -> tuple[str, ...]:
    parameters = inspect.signature(procedure).parameters.values()
    arguments = [_argument(each) for each in parameters if each.kind is not each.KEYWORD_ONLY]
    called = f"`{PREFIX}{name}`"
    return called, ", ".join(arguments), str(procedure.__doc__), _ANSWERS[name]


def _argument(parameter: inspect.Parameter) -> str:
    if parameter.kind is parameter.VAR_KEYWORD:
        return "[keywords of a search](#keywords-of-a-search)"
    default = parameter.default
    shown = "" if default is parameter.empty or default is None else f" ({default})"
    optional = "" if default is parameter.empty else "?"
    return f"`{parameter.name}{optional}`{shown}"


def topics(_: Path) -> str:
    """Each event that is published."""
    rows = [(f"`{PREFIX}on_{kind.value}`", _MEANINGS[kind.value]) for kind in PUBLISHED]
    return table(("topic", "what has happened"), rows)


# Of errors and of reasons to close, by the end of their names.
_ENDS = {
    "caller_not_disclosed": "the role of the caller does not disclose who calls",
    "component_not_started": "the component has left: the log says which permission it lacks",
    "expired": "the lifetime of the cookie or of the login is over",
    "login_not_audited": "the audit log has to have a login's line, and cannot be written",
    "login_not_stored": "the login was right, and could not be stored: try again",
    "login_too_old": "with `fresh_for`: log in again, then call again",
    "logout_not_stored": "the logout is in force on this worker, and stored later",
    "no_store": "the component names no store, and its worker does not have exactly one",
    "not_stored_yet": "the end is in force on this worker, and stored later",
    "store_unavailable": "the store does not answer: the log has the cause",
    "too_many_sessions": "the user has `max_sessions` already, or logged in once more elsewhere",
}
_URI = re.compile(r'"(cookietrack\.(?:error|close)\.(\w+))"')


def errors(_: Path) -> str:
    """Every URI of an error, and of a reason to close, that is in the code."""
    package = Path(cookietrack_plugin.__file__).parent
    texts = (path.read_text() for path in package.rglob("*.py"))
    found = sorted({pair for text in texts for pair in _URI.findall(text)})
    return table(("URI", "what it means"), [(f"`{uri}`", _ENDS[end]) for uri, end in found])
