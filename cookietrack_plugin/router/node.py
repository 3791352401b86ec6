"""Crossbar's node, which hands its workers what only the whole configuration says."""

from typing import Any

from cookietrack_plugin.config.listeners import cookie_names_of, in_node
from cookietrack_plugin.router.configwarnings import with_warnings
from cookietrack_plugin.router.control.worker import with_worker
from cookietrack_plugin.router.names import with_names
from cookietrack_plugin.router.trails import with_audits


class CookieNode:
    """
    A mixin for a personality's `Node`. The node has the whole configuration, a worker its own
    transports alone. But a browser presents the cookies of all transports to each of them, all
    workers that have a store open write its audit log, and a console shows the node's warnings.
    """

    # Crossbar's own attribute.
    _config: dict[str, Any] | None

    def _extend_worker_args(self, args: list[str], options: dict[str, Any]) -> None:
        """Crossbar calls this for each worker, later ones too, before it makes the environment."""
        super()._extend_worker_args(args, options)  # type: ignore[misc]
        found = list(in_node(self._config))
        if names := cookie_names_of(found):
            env = with_audits(with_names(options.get("env", {}), names), found)
            options["env"] = with_worker(with_warnings(env, self._config), args)


def with_cookie_names(node: type) -> type:
    """A personality's `Node` as a `CookieNode`."""
    if issubclass(node, CookieNode):
        return node
    return type(f"Cookie{node.__name__}", (CookieNode, node), {})
