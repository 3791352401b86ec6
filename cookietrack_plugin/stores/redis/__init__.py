"""Cookies in Redis or Valkey, with Sentinel or as a cluster too: for any number of nodes."""

from cookietrack_plugin.stores.redis.store import RedisProvider

__all__ = ["RedisProvider"]
