"""What goes wrong with Redis, as errors of ours: one line each, with what to do about it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,
    InvalidResponse,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)
from redis.sentinel import MasterNotFoundError

from cookietrack_plugin.errors import (
    ConfigError,
    CookieTrackError,
    StoreCorrupt,
    StoreFull,
    StoreUnavailable,
)
from cookietrack_plugin.stores.kit.options import PLACE
from cookietrack_plugin.stores.redis.wire import TooMuch

_AWAY = (BusyLoadingError, ClusterDownError, ConnectionError, ReadOnlyError, TimeoutError)
_MOVING = (AskError, MovedError, TryAgainError)
# Answers of a server that is up and refuses writes for now.
_REFUSING = re.compile(r"^(MISCONF|NOREPLICAS|MASTERDOWN|CLUSTERDOWN|BUSY|UNKILLABLE|LOADING)\b")
_FULL = re.compile(r"\bOOM\b|[Nn]o space left")

# What a user of the server needs.
RIGHTS = (
    'grant the user the keys that begin with "{" and the prefix, and the commands +@read +@write'
    " +@scripting +@connection +wait +time, in a cluster +cluster too"
)

# Advice about faults that only a person can fix, by the error and words in its text.
_ADVICE: tuple[tuple[type[Exception], str, str], ...] = (
    (AuthenticationError, "without any password", "the server has no password: remove it"),
    (
        AuthenticationError,
        "",
        "put the right user and password there, such as redis://user:${NAME}@host",
    ),
    (NoPermissionError, "", RIGHTS),
    (ResponseError, "executing the script can't run", RIGHTS),
    (InvalidResponse, "", "it is no Redis: name another host or port"),
    (ResponseError, "db index", "name a database that the server has"),
    (ResponseError, "command 'sentinel'", "it is no sentinel: name the port of one"),
    (
        ResponseError,
        "protected mode",
        "it takes no connections from other machines: give its users passwords, or set"
        " protected-mode no",
    ),
    (
        ResponseError,
        "cluster support disabled",
        "it is one server, not a cluster: its scheme is redis",
    ),
    (RedisError, "mismatch, certificate", "name the host that the certificate is for"),
    (RedisError, "certificate has expired", "give the server a new certificate"),
    (
        RedisError,
        "certificate_verify_failed",
        "name the file of the authority that signed it, as ?ssl_ca_certs=file",
    ),
    *(
        (
            RedisError,
            alert,
            "name a certificate that it trusts, as ?ssl_certfile=file&ssl_keyfile=file",
        )
        for alert in ("alert certificate required", "alert bad certificate", "alert unknown ca")
    ),
)


@contextmanager
def translated(place: str, opening: bool = False) -> Iterator[None]:
    """
    Raise errors of ours instead of redis-py's, which become their cause.

    :param place: the store, as people may see it.
    :param opening: whether it may not have been there at all.
    """
    try:
        yield
    except MasterNotFoundError:
        # Not even as a cause: some versions show the sentinels' passwords in it.
        pass
    except (RedisError, RedisClusterException, OSError) as error:
        raise _fault(error, place, opening) from error
    else:
        return
    raise StoreUnavailable(f"{place}: no sentinel that answers knows a master of this name")


def _fault(error: Exception, place: str, opening: bool) -> CookieTrackError:
    error = _reason(error)
    cause = re.sub(r"\s+", " ", str(error)).strip().rstrip(".")
    if advice := _advice(error, cause):
        return ConfigError(f'"url" in {PLACE}: {place}: {cause}: {advice}')
    if isinstance(error, OutOfMemoryError) or _FULL.search(cause):
        # Opening a store is retried only after StoreUnavailable.
        full = StoreUnavailable if opening else StoreFull
        return full(f"{place} has no room: {cause}: raise maxmemory, or make room on its disk")
    if isinstance(error, TooMuch):
        return StoreUnavailable(f"{place}: {cause}")
    if isinstance(error, _MOVING):
        return StoreUnavailable(f"{place} is moving slots: {cause}")
    if _REFUSING.match(cause):
        return StoreUnavailable(f"{place} takes no writes: {cause}")
    if isinstance(error, (*_AWAY, RedisClusterException, OSError)):
        question = ": is it running, and can this host reach it?" if opening else ""
        return StoreUnavailable(f"{place} does not answer: {cause}{question}")
    if cause.startswith("WRONGTYPE"):
        return StoreCorrupt(f"{place} has keys of another program: {cause}")
    return ConfigError(f"{place} refuses a command: {cause}")


def _reason(error: Exception) -> Exception:
    """The error of a node behind redis-py's "no node of the cluster can be used"."""
    said: BaseException | None = error
    while isinstance(said, RedisClusterException):
        said = said.__cause__ or said.__context__
    return said if isinstance(said, RedisError) else error


def _advice(error: Exception, cause: str) -> str | None:
    """What a person has to fix, None where waiting may help."""
    for kind, word, advice in _ADVICE:
        if isinstance(error, kind) and word in cause.lower():
            return advice
    return None
