"""Cookies in PostgreSQL, MySQL, MariaDB or SQLite, over SQLAlchemy: for any number of nodes."""
