"""`{"type": "etcd", "url": ...}` in the node configuration."""

from collections.abc import Mapping
from typing import Any

from zope.interface import implementer

from cookietrack_etcd.engine import EtcdEngine
from cookietrack_etcd.gateway import Gateway, checked_url
from cookietrack_plugin.interfaces import ICookieStore, ICookieStoreProvider
from cookietrack_plugin.stores.kit.options import check_options, timeout_of, wrong_option
from cookietrack_plugin.stores.kit.ordered.store import OrderedStore
from cookietrack_plugin.stores.kit.redaction import redact_url
from cookietrack_plugin.stores.kit.variables import expand


@implementer(ICookieStoreProvider)
class EtcdProvider:
    """
    `url`: of the server, in which `${NAME}` is taken from the environment. `prefix`: what its keys
    begin with. `timeout`: seconds that it has for an answer.
    """

    summary = "in etcd: durable, replicated, shared by several nodes"
    contract = 1
    volatile = False
    exclusive = False
    place = "url"
    opens = ICookieStore

    def check(self, options: Mapping[str, Any]) -> None:
        check_options(options, {"url": str}, {"prefix": str, "timeout": float})
        checked_url(expand(options["url"]))
        timeout_of(options)
        if options.get("prefix") == "":
            raise wrong_option("prefix", "", "a string that is not empty")

    def open(self, options: Mapping[str, Any], node_dir: str) -> OrderedStore:
        gateway = Gateway(checked_url(expand(options["url"])), timeout_of(options))
        engine = EtcdEngine(gateway, options.get("prefix", "cookietrack/"))
        label = redact_url(options["url"])
        try:
            return OrderedStore(engine, label)
        except BaseException:
            engine.close()
            raise
