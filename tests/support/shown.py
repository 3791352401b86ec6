"""What a page shows of a configuration, checked as a node would."""

import json
from collections.abc import Mapping
from typing import Any

from attrs import fields

from cookietrack_plugin.config.components import CLASSNAME, check_extra
from cookietrack_plugin.config.registry import find_provider, installed_types
from cookietrack_plugin.config.settings import CookieSettings, check_cookie_item
from cookietrack_plugin.router.personalities.standalone import Personality

PORT = {"type": "tcp", "port": 8080}
COOKIE_KEYS = {each.name for each in fields(CookieSettings)}


def check_json(text: str) -> str:
    """
    Check what is a configuration, or a part of one.

    :returns: what it was taken for.
    :raises ValueError: it is none that is known here.
    """
    found = parsed(text)
    kind = next((kind for kind, is_it, _ in KINDS if is_it(found)), None)
    if kind is None:
        raise ValueError(f"no part of a configuration that is known: {text}")
    next(check for _, is_it, check in KINDS if is_it(found))(found)
    return kind


def parsed(text: str) -> Any:
    """JSON, also the inside of a map or of a list."""
    for form in (text, f"{{{text}}}", f"[{text}]", f"[{text.rstrip(',')}]"):
        try:
            return json.loads(form)
        except ValueError:
            continue
    raise ValueError(f"no JSON: {text}")


def _check_node(config: Any) -> None:
    Personality.check_config(Personality, config)


def _check_worker(worker: Any) -> None:
    _check_node({"version": 2, "workers": [worker]})


def _check_transport(transport: Any, roles: Any = ()) -> None:
    realm = {"name": "realm1", "roles": [*roles, {"name": "user", "permissions": []}]}
    _check_worker({"type": "router", "realms": [realm], "transports": [transport]})


def _check_paths(item: Mapping[str, Any]) -> None:
    paths = {"/": {"type": "nodeinfo"}, **item["paths"]}
    _check_transport({"type": "web", "endpoint": PORT, "paths": paths})


def _check_service(service: Any) -> None:
    _check_paths({"paths": {"ws": service}})


def _check_role(role: Mapping[str, Any]) -> None:
    realm = {"name": "realm1", "roles": [role]}
    transport = {"type": "websocket", "endpoint": PORT}
    _check_worker({"type": "router", "realms": [realm], "transports": [transport]})


def _check_permissions(permissions: Any) -> None:
    _check_role({"name": "role", "permissions": permissions})


def _check_store(store: Mapping[str, Any]) -> None:
    find_provider(store["type"]).check(store)


# What a text is taken for, in this order.
KINDS: list[tuple[str, Any, Any]] = [
    ("permissions", lambda f: isinstance(f, list) and "uri" in f[0], _check_permissions),
    ("node", lambda f: "version" in f, _check_node),
    ("component", lambda f: f.get("classname") == CLASSNAME, lambda f: check_extra(f["extra"])),
    ("role", lambda f: "permissions" in f, _check_role),
    ("worker", lambda f: f.get("type") in ("router", "proxy"), _check_worker),
    ("transport", lambda f: "endpoint" in f, _check_transport),
    ("service", lambda f: f.get("type") == "websocket", _check_service),
    ("paths", lambda f: list(f) == ["paths"], _check_paths),
    ("store", lambda f: f.get("type") in installed_types(), _check_store),
    ("cookie item", lambda f: set(f) <= COOKIE_KEYS, check_cookie_item),
]
