"""Crossbar's node: it lets its workers know the names of all its cookies."""

from typing import Any

from cookietrack_plugin.config.listeners import cookie_names_of, in_node
from cookietrack_plugin.router.names import with_names


class CookieNode:
    """
    For a subclass of a personality's `Node`. The node has the whole configuration, a worker its own
    transports alone; but a browser presents the cookies of all of them to each.
    """

    # Crossbar's own attribute.
    _config: dict[str, Any] | None

    def _extend_worker_args(self, args: list[str], options: dict[str, Any]) -> None:
        """Crossbar calls it for each worker, also later ones, before it makes the environment."""
        super()._extend_worker_args(args, options)  # type: ignore[misc]
        if names := cookie_names_of(in_node(self._config)):
            options["env"] = with_names(options.get("env", {}), names)


def with_cookie_names(node: type) -> type:
    """A personality's `Node` as one of these."""
    if issubclass(node, CookieNode):
        return node
    return type(f"Cookie{node.__name__}", (CookieNode, node), {})
