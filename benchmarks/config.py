"""Node configurations: one router worker, one WebSocket transport for each case compared."""

import random
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from attrs import field, frozen

from servers.ports import is_free

REALM = "bench"
ROLE = "client"
TICKET = "open-sesame"
# As many as clients at once, so that no two of them are the same person.
AUTHIDS = [f"user{number}" for number in range(32)]
PATH = "/ws"
LISTENERS = (20_000, 32_000)
PROBE = "benchmarks.probe.Probe"
ADMINISTRATION = "cookietrack_plugin.router.component.CookieAdministration"


@frozen
class Transport:
    """A WebSocket transport: what it is called in the results, its port, its `cookie.store`."""

    label: str
    port: int
    store: Mapping[str, Any] | None
    extra: Mapping[str, Any] = field(factory=dict)

    def config(self) -> dict[str, Any]:
        principals = {authid: {"ticket": TICKET, "role": ROLE} for authid in AUTHIDS}
        auth: dict[str, Any] = {"ticket": {"type": "static", "principals": principals}}
        transport: dict[str, Any] = {
            "type": "websocket",
            "endpoint": {"type": "tcp", "port": self.port, "interface": "127.0.0.1"},
            "auth": auth,
        }
        if self.store is not None:
            auth["cookie"] = {}
            transport["cookie"] = {"max_age": 86400, "store": dict(self.store), **self.extra}
        return transport


# No port twice: nodes that start at the same time do not listen yet.
_candidates = iter(random.sample(range(*LISTENERS), LISTENERS[1] - LISTENERS[0]))


def free_ports(count: int) -> list[int]:
    """`count` different ports that nobody listens on, below those of outgoing connections."""
    return list(islice(filter(is_free, _candidates), count))


def node(
    transports: Iterable[Transport],
    worker_env: Mapping[str, str],
    administered: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """
    The `config.json` of a node with these transports, and the probe in the same worker; so are the
    procedures for the store `administered`, if one is given.
    """
    components = [_component(PROBE)]
    if administered:
        components.append(_component(ADMINISTRATION, extra={"store": dict(administered)}))
    return {
        "version": 2,
        "controller": {},
        "workers": [
            {
                "type": "router",
                "options": {
                    "pythonpath": [str(Path(__file__).parent.parent)],
                    "env": {"inherit": True, "vars": dict(worker_env)},
                },
                "realms": [{"name": REALM, "roles": [_role(ROLE), _role("probe")]}],
                "transports": [transport.config() for transport in transports],
                "components": components,
            }
        ],
    }


def _component(classname: str, **more: Any) -> dict[str, Any]:
    return {"type": "class", "classname": classname, "realm": REALM, "role": "probe", **more}


def _role(name: str) -> dict[str, Any]:
    allow = {"call": True, "register": True, "publish": True, "subscribe": True}
    return {"name": name, "permissions": [{"uri": "", "match": "prefix", "allow": allow}]}
