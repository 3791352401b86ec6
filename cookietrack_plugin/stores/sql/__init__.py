"""Cookies in PostgreSQL, MySQL, MariaDB or SQLite, over SQLAlchemy: for any number of nodes."""

from cookietrack_plugin.stores.sql.store import SqlProvider

__all__ = ["SqlProvider"]
