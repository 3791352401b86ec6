"""The engine: keys and values in etcd."""

from collections.abc import Callable, Iterable, Mapping
from random import uniform
from time import sleep
from typing import Any

from cookietrack_etcd.gateway import Gateway, coded, decoded
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.stores.kit.ordered.engine import Result, View, Writes

# What etcd takes in a transaction unless it is told otherwise (--max-txn-ops).
MAX_OPERATIONS = 128
# How often a write is planned again because another process wrote in between.
ATTEMPTS = 100
# The longest pause before that.
PAUSE_S = 0.02


class EtcdEngine:
    """Keys below a prefix. A write is one transaction, which compares what its plan has read."""

    max_keys: int | None = MAX_OPERATIONS
    is_locking = False

    def __init__(self, gateway: Gateway, prefix: str) -> None:
        self._gateway = gateway
        self._prefix = prefix.encode()

    def get(self, keys: Iterable[bytes]) -> Mapping[bytes, bytes]:
        return {key: value for key, (value, _) in self.read(keys).items()}

    def scan(self, start: bytes, end: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        found = self._gateway.call("kv/range", {**self._range(start, end), "limit": limit})
        return [(self._key(each), decoded(each.get("value"))) for each in found.get("kvs", ())]

    def write(self, plan: Callable[[View], tuple[Writes, Result]]) -> Result:
        for _ in range(ATTEMPTS):
            view = _Noted(self)
            writes, result = plan(view)
            if not writes or self._commit(view.revisions, writes):
                return result
            sleep(uniform(0, PAUSE_S))
        raise StoreUnavailable(f"{ATTEMPTS} times another process has written in between")

    def count(self, start: bytes, end: bytes) -> int:
        found = self._gateway.call("kv/range", {**self._range(start, end), "count_only": True})
        return int(found.get("count", 0))

    def size(self) -> int:
        return int(self._gateway.call("maintenance/status", {})["dbSize"])

    def close(self) -> None:
        self._gateway.close()

    def read(self, keys: Iterable[bytes]) -> dict[bytes, tuple[bytes, int]]:
        """Value and revision of each key that is there, all of one moment."""
        self._gateway.check_open()
        wanted = list(dict.fromkeys(keys))
        found: dict[bytes, tuple[bytes, int]] = {}
        revision = 0
        for start in range(0, len(wanted), MAX_OPERATIONS):
            some = wanted[start : start + MAX_OPERATIONS]
            ranges = [{"key": self._coded(key), "revision": revision} for key in some]
            asked = {"success": [{"request_range": each} for each in ranges]}
            answer = self._gateway.call("kv/txn", asked)
            revision = revision or int(answer["header"]["revision"])
            for each in _kvs(answer):
                found[self._key(each)] = decoded(each.get("value")), int(each["mod_revision"])
        return found

    def _commit(self, revisions: Mapping[bytes, int], writes: Writes) -> bool:
        """Whether the transaction has taken effect: nobody has altered what was read."""
        compared = [
            {"key": self._coded(key), "target": "MOD", "mod_revision": revision}
            for key, revision in revisions.items()
        ]
        altered = [self._operation(key, value) for key, value in writes.items()]
        answer = self._gateway.call("kv/txn", {"compare": compared, "success": altered})
        return bool(answer.get("succeeded"))

    def _operation(self, key: bytes, value: bytes | None) -> Mapping[str, object]:
        if value is None:
            return {"request_delete_range": {"key": self._coded(key)}}
        return {"request_put": {"key": self._coded(key), "value": coded(value)}}

    def _range(self, start: bytes, end: bytes) -> dict[str, object]:
        return {"key": self._coded(start), "range_end": self._coded(end)}

    def _coded(self, key: bytes) -> str:
        return coded(self._prefix + key)

    def _key(self, found: Mapping[str, str]) -> bytes:
        return decoded(found["key"]).removeprefix(self._prefix)


class _Noted:
    """The `View` of a write: it notes the revision of each key that is got, 0 of an absent one."""

    def __init__(self, engine: EtcdEngine) -> None:
        self._engine = engine
        self.revisions: dict[bytes, int] = {}

    def get(self, keys: Iterable[bytes]) -> Mapping[bytes, bytes]:
        wanted = list(keys)
        found = self._engine.read(wanted)
        for key in wanted:
            # The first look counts: what came between two of them is noticed.
            self.revisions.setdefault(key, found[key][1] if key in found else 0)
        return {key: value for key, (value, _) in found.items()}

    def scan(self, start: bytes, end: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        return self._engine.scan(start, end, limit)


def _kvs(answer: Mapping[str, Any]) -> list[dict[str, str]]:
    """What was found by all ranges of a transaction."""
    found = [each["response_range"].get("kvs", []) for each in answer.get("responses", [])]
    return [each for some in found for each in some]
