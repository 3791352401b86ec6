"""Cookies in an LMDB environment: durable, indexed, and shared by the workers of one machine."""

from cookietrack_plugin.stores.lmdb.store import LmdbProvider

__all__ = ["LmdbProvider"]
