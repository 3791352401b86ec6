"""The `url` of a Redis store: one server, one behind Sentinel, or a cluster."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from attrs import frozen

from cookietrack_plugin.stores.kit.options import wrong_url
from cookietrack_plugin.stores.kit.redaction import redact_url
from cookietrack_plugin.stores.kit.variables import expand

REDIS_PORT, SENTINEL_PORT = 6379, 26379

# Kind and TLS by scheme. Valkey is the same, and has schemes of its own.
_SCHEMES = {
    "redis": ("server", False),
    "rediss": ("server", True),
    "valkey": ("server", False),
    "valkeys": ("server", True),
    "unix": ("socket", False),
    "sentinel": ("sentinel", False),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "cluster": ("cluster", False),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
_SHOWN_SCHEMES = (
    "redis, rediss, unix, redis+sentinel, rediss+sentinel, redis+cluster or rediss+cluster"
)
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_TLS = (*_FILES, "ssl_check_hostname")
_QUERIES = {
    "server": (),
    "socket": ("db",),
    "sentinel": ("sentinel_username", "sentinel_password"),
    "cluster": (),
}


@frozen
class RedisUrl:
    """
    `kind`: server, socket, sentinel or cluster. `hosts`: the server, the sentinels, or some nodes
    of the cluster. `path`: the socket's. `service`: the name by which the sentinels know the
    master. `options`: what was in the query. `shown`: all of it that people may see.
    """

    kind: str
    tls: bool
    hosts: tuple[tuple[str, int], ...]
    username: str | None
    password: str | None
    database: int
    path: str
    service: str
    options: Mapping[str, str]
    shown: str

    def under(self, node_dir: str) -> Mapping[str, Any]:
        """The options of TLS for the driver, with absolute paths."""
        files = [name for name in _FILES if name in self.options]
        options: dict[str, Any] = {name: str(Path(node_dir) / self.options[name]) for name in files}
        if "ssl_check_hostname" in self.options:
            options["ssl_check_hostname"] = self.options["ssl_check_hostname"] == "true"
        return options


def parse_url(text: str) -> RedisUrl:
    """
    The parts of

    - `redis://user:${NAME}@host:6379/0` (`rediss` for TLS),
    - `unix://user:${NAME}@/path/of/socket?db=0`,
    - `redis+sentinel://user:${NAME}@host:26379,host:26379/service/0` (`rediss+sentinel`), with
      `sentinel_username` and `sentinel_password` in the query where the sentinels want them,
    - `redis+cluster://user:${NAME}@host:6379,host:6379` (`rediss+cluster`).

    In the query of those with TLS: `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile` and
    `ssl_check_hostname=false`.

    :raises ConfigError: it is none of these. No password is in the message.
    """
    expanded = expand(text)
    split = urlsplit(expanded)
    kind, tls = _kind(split.scheme, expanded)
    login, _, netloc = split.netloc.rpartition("@")
    username, _, password = login.partition(":")
    options = _options(split.query, kind, tls)
    parts = [part for part in split.path.split("/") if part] if kind != "socket" else []
    service = parts.pop(0) if kind == "sentinel" and parts else ""
    url = RedisUrl(
        kind=kind,
        tls=tls,
        hosts=_hosts(netloc, SENTINEL_PORT if kind == "sentinel" else REDIS_PORT),
        username=unquote(username) or None,
        password=unquote(password) or None,
        database=_database(options.get("db", parts.pop(0) if parts else "0")),
        path=unquote(split.path) if kind == "socket" else "",
        service=unquote(service),
        options=options,
        shown=redact_url(expanded),
    )
    _check(url, parts)
    return url


def check_files(url: RedisUrl, node_dir: str) -> None:
    """
    Check that the files that the query names are there.

    :raises ConfigError: one is not.
    """
    for name, path in url.under(node_dir).items():
        if name in _FILES and not Path(path).is_file():
            raise wrong_url(f"{name}={path}, where no file is", "the path of a file")


def _kind(scheme: str, text: str) -> tuple[str, bool]:
    """The kind of the servers, and whether to speak TLS with them."""
    if scheme not in _SCHEMES:
        # Without :// it may be the beginning of a login.
        found = f'the scheme "{scheme}"' if "://" in text else "no scheme"
        raise wrong_url(found, f"one of {_SHOWN_SCHEMES}")
    return _SCHEMES[scheme]


def _check(url: RedisUrl, rest: list[str]) -> None:
    if rest:
        raise wrong_url("a path with too many parts", "the number of a database")
    if url.kind == "socket" and not url.path.strip("/"):
        raise wrong_url("no path", "one as in unix:///run/redis/redis.sock")
    if url.kind != "socket" and not url.hosts:
        raise wrong_url("no host", "one as in redis://:${NAME}@host:6379/0")
    if url.kind == "server" and len(url.hosts) > 1:
        raise wrong_url("several hosts", "one host, or redis+sentinel or redis+cluster")
    if url.kind == "sentinel" and not url.service:
        raise wrong_url("no service", "one as in redis+sentinel://host:26379,host:26379/service")
    if url.kind == "cluster" and url.database:
        raise wrong_url(f"database {url.database}", "database 0, the only one of a cluster")


def _hosts(netloc: str, port: int) -> tuple[tuple[str, int], ...]:
    try:
        parts = [urlsplit(f"//{each}") for each in netloc.split(",") if each]
        return tuple((each.hostname or "localhost", each.port or port) for each in parts)
    except ValueError:
        raise wrong_url("a host or a port that is none", "hosts such as host:6379") from None


def _database(text: str) -> int:
    if not text.isdecimal():
        raise wrong_url("a database that is no number", "one as in redis://host:6379/0")
    return int(text)


def _options(query: str, kind: str, tls: bool) -> dict[str, str]:
    allowed = (*_QUERIES[kind], *(_TLS if tls else ()))
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options:
        if name not in allowed:
            known = " or ".join(allowed) or "no parameters with this scheme"
            # Where an @ follows, the ? is one of a password.
            found = "an unknown parameter" if "@" in query else f'the parameter "{name}"'
            raise wrong_url(found, known)
    if options.get("ssl_check_hostname", "true") not in ("true", "false"):
        raise wrong_url("another ssl_check_hostname", "true or false")
    return options
