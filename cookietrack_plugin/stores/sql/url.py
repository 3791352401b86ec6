"""The `url` of an SQL store: which databases, which drivers, and what may be shown of it."""

from importlib import import_module
from pathlib import Path

from attrs import frozen
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.stores.kit.options import wrong_url
from cookietrack_plugin.stores.kit.redaction import redact_url
from cookietrack_plugin.stores.kit.variables import expand

SCHEMES = "postgresql://, mysql://, mariadb:// or sqlite://"


@frozen
class _Driver:
    """`name`: as SQLAlchemy calls it. `extra`: the one of ours that installs `module`."""

    name: str
    module: str
    extra: str


_TLS_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_POSTGRESQL = _Driver("postgresql+psycopg", "psycopg", "postgresql")
_MYSQL = _Driver("mysql+pymysql", "pymysql", "mysql")
_MARIADB = _Driver("mariadb+pymysql", "pymysql", "mysql")
_SQLITE = _Driver("sqlite+pysqlite", "sqlite3", "sql")
_DRIVERS = {
    **dict.fromkeys(("postgresql", "postgresql+psycopg"), _POSTGRESQL),
    **dict.fromkeys(("mysql", "mysql+pymysql"), _MYSQL),
    **dict.fromkeys(("mariadb", "mariadb+pymysql"), _MARIADB),
    **dict.fromkeys(("sqlite", "sqlite+pysqlite"), _SQLITE),
}


def parse_url(text: str) -> URL:
    """
    The URL as it was written, with its variables replaced.

    :raises ConfigError: it is no URL, or none of a database that the store knows; its driver is not
        installed; the database is missing, or one in memory. Nothing of the URL but its scheme and
        its database is in the message.
    """
    try:
        url = make_url(expand(text))
    except (ArgumentError, ValueError):
        raise wrong_url(
            "text that is no URL", "a URL such as postgresql://user:${NAME}@host/database"
        ) from None
    driver = _DRIVERS.get(url.drivername)
    if driver is None:
        raise wrong_url(f'the scheme "{url.drivername}"', SCHEMES)
    _check_driver(driver)
    _check_database(url)
    _check_tls(url)
    return url


def driven(url: URL) -> URL:
    """The URL for SQLAlchemy, with our driver, which may not be its default."""
    return url.set(drivername=_DRIVERS[url.drivername].name)


def shown(url: URL) -> str:
    """The URL for people, as they wrote it: without user, password and query."""
    return redact_url(url.render_as_string(hide_password=False))


def under(url: URL, node_dir: str) -> URL:
    """The URL with an absolute path, where it names a file."""
    if not is_file(url):
        return url
    return url.set(database=str(Path(node_dir) / str(url.database)))


def is_file(url: URL) -> bool:
    """Whether the database is a file of SQLite."""
    return url.get_backend_name() == "sqlite"


def _check_driver(driver: _Driver) -> None:
    try:
        import_module(driver.module)
    except ImportError as error:
        raise ConfigError(
            f'"url" in the store item: {driver.module} is not installed ({error}):'
            f' pip install "cookietrack-plugin[{driver.extra}]"'
        ) from error


def _check_tls(url: URL) -> None:
    """Check `sslmode` here: libpq would refuse it with a text alone."""
    mode = url.query.get("sslmode", _TLS_MODES[0])
    if url.get_backend_name() == "postgresql" and mode not in _TLS_MODES:
        raise wrong_url("another sslmode", ", ".join(_TLS_MODES[:-1]) + f" or {_TLS_MODES[-1]}")


def _check_database(url: URL) -> None:
    if not url.database:
        raise wrong_url("no database", "one as in postgresql://host/database or sqlite:///file")
    if is_file(url) and url.database.startswith((":", "file:")):
        raise wrong_url("a database in memory", "the path of a file, as the store is durable")
