"""
What a node waits for when it starts, and what it refuses to start with: the table of
docs/operations.md, a test for each row.
"""

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import pytest
import redis

from cookietrack_plugin.errors import ConfigError, CookieTrackError, StoreCorrupt, StoreUnavailable
from cookietrack_plugin.record import Create
from cookietrack_plugin.testing.samples import make_cookie
from servers.databases import PASSWORD
from servers.ports import free_port
from servers.process import running
from servers.redises import RedisCluster, RedisSentinel, RedisServer, TlsRedisServer, quoted
from tests.support.node import wait_for
from tests.support.redis_stores import new_prefix, open_redis
from tests.support.says import server_that_says

pytest_plugins = ["tests.support.servers"]
pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[3]
AWAY, WRONG = StoreUnavailable, ConfigError
LOGIN = f":{quoted(PASSWORD)}@127.0.0.1"


class Scene:
    """Servers that are there for one row."""

    def __init__(self, stack: ExitStack, request: pytest.FixtureRequest) -> None:
        self._stack = stack
        self._request = request
        self.prefix = new_prefix()

    def says(self, line: str) -> str:
        return f"redis://127.0.0.1:{self._stack.enter_context(server_that_says(line))}"

    def server(self, *settings: str, password: str = PASSWORD) -> RedisServer:
        return self._stack.enter_context(running(RedisServer(*settings, password=password)))

    def tls(self) -> TlsRedisServer:
        return self._stack.enter_context(running(TlsRedisServer()))

    def sentinel(self) -> RedisSentinel:
        return self._stack.enter_context(running(RedisSentinel()))

    def cluster(self) -> RedisCluster:
        settings = ("--cluster-node-timeout", "500")
        return self._stack.enter_context(running(RedisCluster(*settings)))

    @property
    def shared(self) -> RedisServer:
        server: RedisServer = self._request.getfixturevalue("redis_server")
        return server


@pytest.fixture
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(stack, request)


# -- away -----------------------------------------------------------------------------------------


def nobody_listens(scene: Scene) -> str:
    return f"redis://127.0.0.1:{free_port()}"


def no_socket(scene: Scene) -> str:
    return "unix:///nonexistent/redis.sock"


def unknown_host(scene: Scene) -> str:
    return "redis://nowhere.invalid:6379"


def silent(scene: Scene) -> str:
    listener = scene._stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    return f"redis://127.0.0.1:{listener.getsockname()[1]}"


def replica(scene: Scene) -> str:
    server = scene.server()
    server.client().replicaof("127.0.0.1", free_port())
    return server.url()


def stale_replica(scene: Scene) -> str:
    server = scene.server("--replica-serve-stale-data", "no")
    server.client().replicaof("127.0.0.1", free_port())
    return server.url()


def too_few_replicas(scene: Scene) -> str:
    return scene.server("--min-replicas-to-write", "1").url()


def too_many_clients(scene: Scene) -> str:
    server = scene.server("--maxclients", "2")
    keepers = [server.client() for _ in range(3)]
    for each in keepers[:2]:
        scene._stack.callback(each.close)
        # Who looked whether the server answers may still have a place.
        wait_for(partial(is_served, each), "a place for a client")
    return server.url()


def is_served(client: "redis.Redis[bytes]") -> bool:
    with suppress(redis.exceptions.ConnectionError):
        return bool(client.ping())
    return False


def full(scene: Scene) -> str:
    return scene.server("--maxmemory", "1").url()


def no_master(scene: Scene) -> str:
    service = scene.sentinel()
    service.replica.kill()
    service.master.kill()
    return service.url()


def no_sentinel(scene: Scene) -> str:
    return f"redis+sentinel://127.0.0.1:{free_port()}/cookies"


def slots_without_a_server(scene: Scene) -> str:
    cluster = scene.cluster()
    cluster.servers[0].kill()
    client = cluster.servers[1].client()

    def is_down() -> bool:
        return bool(client.execute_command("CLUSTER INFO")["cluster_state"] == "fail")

    wait_for(is_down, "the cluster is down")
    return f"redis+cluster://{LOGIN}:{cluster.servers[1].port}"


# -- wrong ----------------------------------------------------------------------------------------


def wrong_password(scene: Scene) -> str:
    return scene.shared.url().replace("@", "x@")


def no_password(scene: Scene) -> str:
    return f"redis://127.0.0.1:{scene.shared.port}"


def unwanted_password(scene: Scene) -> str:
    return f"redis://{LOGIN}:{scene.server(password='').port}"


def no_rights(scene: Scene) -> str:
    scene.shared.client().acl_setuser(
        "zoe", enabled=True, passwords=["+secret"], keys=["no*"], categories=["+@all"]
    )
    return f"redis://zoe:secret@127.0.0.1:{scene.shared.port}"


def sentinel_password(scene: Scene) -> str:
    service = scene.sentinel()
    service.sentinel.client().execute_command("ACL", "SETUSER", "default", "resetpass", ">secret")
    return service.url()


def not_verified(scene: Scene) -> str:
    return f"rediss://{LOGIN}:{scene.tls().tls_port}"


def other_name(scene: Scene) -> str:
    server = scene.tls()
    return f"rediss://{LOGIN}:{server.tls_port}?ssl_ca_certs={server.certificate}".replace(
        "127.0.0.1", "localhost"
    )


def no_certificate(scene: Scene) -> str:
    server = scene.tls()
    server.client().config_set("tls-ca-cert-file", str(server.certificate))
    server.client().config_set("tls-auth-clients", "yes")
    return f"rediss://{LOGIN}:{server.tls_port}?ssl_ca_certs={server.certificate}"


def no_file(scene: Scene) -> str:
    return "rediss://127.0.0.1?ssl_ca_certs=nowhere.pem"


def evicts(scene: Scene) -> str:
    return scene.server("--maxmemory", "100mb", "--maxmemory-policy", "volatile-lru").url()


def as_sentinel(scene: Scene) -> str:
    return f"redis+sentinel://127.0.0.1:{scene.server(password='').port}/cookies"


def as_cluster(scene: Scene) -> str:
    return scene.shared.url().replace("redis:", "redis+cluster:").removesuffix("/0")


def as_server(scene: Scene) -> str:
    cluster: RedisCluster = scene._request.getfixturevalue("redis_cluster")
    return cluster.servers[0].url()


# What is done, what comes of it, a word of the message, and the row of the table.
CASES: list[tuple[Callable[[Scene], str], type[CookieTrackError], str, str]] = [
    (nobody_listens, AWAY, "Connection refused", "nobody listens"),
    (no_socket, AWAY, "No such file", "nobody listens"),
    (unknown_host, AWAY, "not known", "the name of the host is unknown"),
    (silent, AWAY, "Timeout", "it is silent"),
    (replica, AWAY, "it is a replica", "it is a replica just now"),
    (stale_replica, AWAY, "MASTERDOWN|replica", "it is a replica just now"),
    (too_few_replicas, AWAY, "NOREPLICAS", "it has lost the replicas that it needs"),
    (too_many_clients, AWAY, "max number of clients", "it has too many clients"),
    (full, AWAY, "has no room", "it is full, or its disk is at fault"),
    (
        lambda scene: scene.says("-MISCONF Redis is configured to save RDB snapshots"),
        AWAY,
        "MISCONF",
        "it is full, or its disk is at fault",
    ),
    *(
        (
            lambda scene, line=line: scene.says(f"-{line} a moment"),
            AWAY,
            "takes no writes|does not answer",
            "it is loading, or busy with a script",
        )
        for line in ("LOADING", "BUSY", "UNKILLABLE", "MASTERDOWN", "CLUSTERDOWN")
    ),
    (no_sentinel, AWAY, "no sentinel that answers", "no sentinel answers, or knows a master"),
    (no_master, AWAY, "Connection refused|no sentinel", "no sentinel answers, or knows a master"),
    (
        slots_without_a_server,
        AWAY,
        "cover|CLUSTERDOWN|Connection refused",
        "slots of the cluster have no server",
    ),
    (wrong_password, WRONG, "right user and password", "user or password"),
    (no_password, WRONG, "right user and password", "user or password"),
    (unwanted_password, WRONG, "remove it", "user or password"),
    (sentinel_password, WRONG, "right user and password", "user or password"),
    (no_rights, WRONG, "grant the user", "the rights of the user"),
    (lambda scene: scene.shared.url(99), WRONG, "name a database", "the database"),
    (not_verified, WRONG, "ssl_ca_certs", "a certificate"),
    (other_name, WRONG, "name the host", "a certificate"),
    (no_certificate, WRONG, "ssl_certfile", "a certificate"),
    (no_file, WRONG, "where no file is", "a certificate"),
    (
        lambda scene: scene.tls().url().replace("redis:", "rediss:"),
        WRONG,
        "without TLS",
        "TLS with a server without it, or the other way round",
    ),
    (
        lambda scene: f"redis://{LOGIN}:{scene.tls().tls_port}",
        WRONG,
        "speaks TLS",
        "TLS with a server without it, or the other way round",
    ),
    (lambda scene: scene.says("HTTP/1.1 400"), WRONG, "no Redis", "it is no Redis"),
    (
        lambda scene: scene.says("-DENIED Redis is running in protected mode"),
        WRONG,
        "protected-mode no",
        "it refuses other machines (`protected-mode`)",
    ),
    (
        lambda scene: scene.says("-ERR unknown command 'INFO'"),
        WRONG,
        "refuses a command",
        "a command that it does not know",
    ),
    (evicts, WRONG, "noeviction", "it evicts"),
    (as_sentinel, WRONG, "no sentinel", "the scheme is for another kind of server"),
    (as_cluster, WRONG, "scheme is redis", "the scheme is for another kind of server"),
    (as_server, WRONG, "node of a cluster", "the scheme is for another kind of server"),
    (
        lambda scene: f"redis://127.0.0.1:{scene.sentinel().sentinel.port}",
        WRONG,
        "found a sentinel",
        "the scheme is for another kind of server",
    ),
    (
        lambda scene: scene.sentinel().url().replace("/cookies", "/biscuits"),
        WRONG,
        "do not know",
        "the sentinels do not know the service",
    ),
]


@pytest.mark.parametrize(
    ("place", "kind", "word", "row"),
    CASES,
    ids=[f"{number}-{case[3]}" for number, case in enumerate(CASES)],
)
def test_what_is_away_is_waited_for_and_what_is_wrong_is_not(scene, place, kind, word, row):
    url = place(scene)
    with pytest.raises(CookieTrackError) as caught:
        open_redis(url, prefix=scene.prefix, timeout=1)
    assert type(caught.value) is kind, caught.value
    assert re.search(word, str(caught.value)), caught.value
    assert PASSWORD not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_another_program_has_is_left_to_it(scene):
    store = open_redis(scene.shared.url(), prefix=scene.prefix)
    scene.shared.client().set(store._layout.of("").expiry, "a shopping list")
    with pytest.raises(StoreCorrupt, match="another program"):
        store.commit([Create(make_cookie(1))])
    store.close()
    with pytest.raises(StoreCorrupt, match="another program's"):
        open_redis(scene.shared.url(), prefix=scene.prefix)


def test_the_documentation_has_a_row_for_each():
    text = (ROOT / "docs" / "operations.md").read_text()
    section = text.partition("## Away or wrong")[2].partition("### Redis")[2].partition("\n#")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:1] == "|"]
    found = {(row[0], row[1]) for row in rows[2:]}
    words = {AWAY: "away", WRONG: "wrong"}
    known = {(row, words[kind]) for _, kind, _, row in CASES}
    assert found == known | {("its keys are another program's, or of a newer version", "wrong")}
