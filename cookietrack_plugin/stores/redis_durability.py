"""What a Redis server promises to keep, as far as it says so."""

from typing import Any

from redis.exceptions import NoPermissionError, ResponseError

from cookietrack_plugin.stores.redis_client import Client

_APPENDONLY = (
    "appendonly is no: when it crashes, all logins and logouts since its last snapshot are lost:"
    " set appendonly yes and appendfsync always"
)
_APPENDFSYNC = (
    "appendfsync is {}: in a power cut the logins and logouts of a second or more are lost:"
    " set appendfsync always"
)
_EVICTION = (
    "maxmemory-policy is {}: when its memory is full, it throws logins away: set it to noeviction"
)
_REPLICAS = (
    "its replicas follow later: when one takes over, the last logins and logouts are lost:"
    ' set "replicas" in cookie store to how many have to have them'
)
_UNKNOWN = (
    "its settings cannot be read: whether logins survive a crash is unknown here: see to it that"
    " appendonly is yes, appendfsync is always, and maxmemory-policy is noeviction"
)


def weaknesses(client: Client, replicas: int) -> list[str]:
    """One sentence for each setting with which logins can be lost, and logouts undone."""
    found: dict[str, None] = {}
    for master in client.masters():
        found |= dict.fromkeys(_settings(master))
        if not replicas and master.info("replication")["connected_slaves"]:
            found[_REPLICAS] = None
    return list(found)


def _settings(master: Any) -> list[str]:
    found = []
    try:
        settings = {
            name: master.config_get(name)[name]
            for name in ("appendonly", "appendfsync", "maxmemory", "maxmemory-policy")
        }
    # Hosted servers have no CONFIG, or not for everybody.
    except (NoPermissionError, ResponseError, KeyError):
        return [_UNKNOWN]
    if settings["appendonly"] != "yes":
        found.append(_APPENDONLY)
    elif settings["appendfsync"] != "always":
        found.append(_APPENDFSYNC.format(settings["appendfsync"]))
    if settings["maxmemory"] != "0" and settings["maxmemory-policy"] != "noeviction":
        found.append(_EVICTION.format(settings["maxmemory-policy"]))
    return found
