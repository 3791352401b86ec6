"""Crossbar's node: it lets its workers know what only the whole configuration says."""

from typing import Any

from cookietrack_plugin.config.listeners import cookie_names_of, in_node
from cookietrack_plugin.router.configwarnings import with_warnings
from cookietrack_plugin.router.control.worker import with_worker
from cookietrack_plugin.router.names import with_names
from cookietrack_plugin.router.trails import with_audits


class CookieNode:
    """
    For a subclass of a personality's `Node`. The node has the whole configuration, a worker its own
    transports alone; but a browser presents the cookies of all of them to each, a store's audit log
    is written by all workers that have it open, and a console shows the node's warnings.
    """

    # Crossbar's own attribute.
    _config: dict[str, Any] | None

    def _extend_worker_args(self, args: list[str], options: dict[str, Any]) -> None:
        """Crossbar calls it for each worker, also later ones, before it makes the environment."""
        super()._extend_worker_args(args, options)  # type: ignore[misc]
        found = list(in_node(self._config))
        if names := cookie_names_of(found):
            env = with_audits(with_names(options.get("env", {}), names), found)
            options["env"] = with_worker(with_warnings(env, self._config), args)


def with_cookie_names(node: type) -> type:
    """A personality's `Node` as one of these."""
    if issubclass(node, CookieNode):
        return node
    return type(f"Cookie{node.__name__}", (CookieNode, node), {})
