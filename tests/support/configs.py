"""Node configurations for tests: what a user would write, with free ports."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

REALM = "realm1"
# One more, for nodes that have two.
REALM2 = "realm2"
ROLES = [
    {
        "name": role,
        "permissions": [
            {
                "uri": "",
                "match": "prefix",
                "allow": {"call": True, "register": True, "publish": True, "subscribe": True},
                "disclose": {"caller": True, "publisher": True},
            }
        ],
    }
    for role in ("user", "anonymous")
]
USERS = {
    "alice": {"secret": "alice-secret", "role": "user"},
    "bob": {"secret": "bob-secret", "role": "user"},
}
TICKETS = {"carol": {"ticket": "carol-ticket", "role": "user"}}
LOGIN = {
    "cookie": {},
    "wampcra": {"type": "static", "users": USERS},
    "ticket": {"type": "static", "principals": TICKETS},
}


def websocket(port: int, cookie: Any = None, auth: Any = LOGIN, **more: Any) -> dict[str, Any]:
    """A WebSocket transport; `cookie` and `auth` are left out where None."""
    transport: dict[str, Any] = {
        "type": "websocket",
        "endpoint": {"type": "tcp", "port": port, "interface": "127.0.0.1"},
        **more,
    }
    return transport | {k: v for k, v in {"cookie": cookie, "auth": auth}.items() if v is not None}


def router(*transports: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A node with one router worker."""
    return {"version": 2, "workers": [router_worker(*transports, **more)]}


def router_worker(
    *transports: dict[str, Any], realms: Sequence[str] = (REALM,), **more: Any
) -> dict[str, Any]:
    """A router worker with these realms, whose roles are the same."""
    items = [{"name": realm, "roles": ROLES} for realm in realms]
    return {"type": "router", "realms": items, "transports": list(transports), **more}


def proxy(
    folder: Path,
    *transports: dict[str, Any],
    direct: Sequence[dict[str, Any]] = (),
    realms: Sequence[str] = (REALM,),
    **more: Any,
) -> dict[str, Any]:
    """
    A node with a router worker behind a Unix socket, and a proxy worker in front of it. `direct`:
    transports of the router worker.
    """
    workers = [
        router_worker(backend(folder), *direct, realms=realms, **more),
        proxy_worker(folder, *transports, realms=realms),
    ]
    return {"version": 2, "workers": workers}


def administration(**extra: Any) -> dict[str, Any]:
    """The component with the procedures `cookietrack.*`, in `REALM`."""
    return {
        "type": "class",
        "classname": "cookietrack_plugin.router.component.CookieAdministration",
        "realm": REALM,
        "role": "user",
        "extra": extra,
    }


def backend(folder: Path) -> dict[str, Any]:
    """The transport of a router worker that proxy workers of the node connect to."""
    return {
        "type": "rawsocket",
        "endpoint": {"type": "unix", "path": str(folder / "router.sock")},
        "serializers": ["cbor"],
        "auth": {"anonymous-proxy": {"type": "static"}},
    }


def proxy_worker(
    folder: Path, *transports: dict[str, Any], realms: Sequence[str] = (REALM,)
) -> dict[str, Any]:
    """A proxy worker in front of a router worker that has `backend(folder)`."""
    connection = {
        "transport": {
            "type": "rawsocket",
            "endpoint": backend(folder)["endpoint"],
            "url": "rs://localhost",
            "serializer": "cbor",
        },
        "auth": {"anonymous-proxy": {"type": "static"}},
    }
    roles = {role["name"]: "backend" for role in ROLES}
    return {
        "type": "proxy",
        "connections": {"backend": connection},
        "routes": dict.fromkeys(realms, roles),
        "transports": list(transports),
    }
