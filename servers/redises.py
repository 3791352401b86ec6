"""Redis in its four shapes: one server, one with TLS, a Sentinel, a cluster of three masters."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import quote

import redis

from servers.databases import PASSWORD
from servers.patience import wait_for
from servers.ports import free_port
from servers.process import ServerProcess, account, new_folder, program, run, running

DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")


def quoted(password: str) -> str:
    return quote(password, safe="")


class RedisServer(ServerProcess):
    """One server with a password; durable unless `settings` say otherwise."""

    def __init__(self, *settings: str, name: str = "redis", password: str = PASSWORD) -> None:
        self.owner = account("redis")
        self.port = free_port()
        self.password = password
        folder = new_folder(name, self.owner)
        self.socket = folder / "socket"
        command = [program("redis-server", "redis-server"), "--port", str(self.port)]
        command += ["--bind", "127.0.0.1", "--unixsocket", str(self.socket)]
        # A first replica does not wait some seconds for another one (redis.conf).
        command += ["--repl-diskless-sync-delay", "0", *DURABLE, *settings]
        command += ["--requirepass", password, "--masterauth", password] if password else []
        super().__init__(name, command, folder, lambda: self.client().ping(), self.owner)

    def url(self, database: int = 0) -> str:
        secret = f":{quoted(self.password)}@" if self.password else ""
        return f"redis://{secret}127.0.0.1:{self.port}/{database}"

    @contextmanager
    def configured(self, name: str, value: str) -> Iterator[None]:
        """With another setting within the block."""
        before = self.client().config_get(name)[name]
        self.client().config_set(name, value)
        try:
            yield
        finally:
            self.client().config_set(name, before)

    def client(self) -> "redis.Redis[bytes]":
        return redis.Redis(port=self.port, password=self.password or None, socket_timeout=5)


class TlsRedisServer(RedisServer):
    """One that listens for TLS besides, with a certificate of its own for 127.0.0.1."""

    def __init__(self) -> None:
        self.tls_port = free_port()
        super().__init__("--tls-port", str(self.tls_port), "--tls-auth-clients", "no")
        self.certificate = self.folder / "certificate.pem"
        key = self.folder / "key.pem"
        names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
        command = [program("openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes"]
        files = ["-keyout", str(key), "-out", str(self.certificate)]
        run([*command, *files, *names], self.owner)
        self._command += ["--tls-cert-file", str(self.certificate), "--tls-key-file", str(key)]


class RedisCluster:
    """Three masters that share the slots."""

    def __init__(self, *settings: str) -> None:
        self.servers = [self._server(settings) for _ in range(3)]

    def start(self) -> None:
        for server in self.servers:
            server.start()
        nodes = [f"127.0.0.1:{server.port}" for server in self.servers]
        command = [program("redis-cli", "redis-tools"), "-a", PASSWORD, "--cluster", "create"]
        run([*command, *nodes, "--cluster-yes"], None)
        wait_for(self._agrees, "the cluster does not agree")

    def destroy(self) -> None:
        for server in self.servers:
            server.destroy()

    def url(self) -> str:
        nodes = ",".join(f"127.0.0.1:{server.port}" for server in self.servers)
        return f"redis+cluster://:{quoted(PASSWORD)}@{nodes}"

    def client(self) -> "redis.RedisCluster[bytes]":
        return redis.RedisCluster("127.0.0.1", self.servers[0].port, password=PASSWORD)

    @contextmanager
    def joined(self) -> Iterator[RedisServer]:
        """A fourth master within the block. It has no slots until somebody gives it some."""
        stays_master = ("--cluster-allow-replica-migration", "no")
        with running(self._server(stays_master)) as server:
            self.servers.append(server)
            first = self.servers[0]
            bus = first.client().config_get("cluster-port")["cluster-port"]
            server.client().execute_command("CLUSTER MEET", "127.0.0.1", first.port, bus)
            try:
                wait_for(self._agrees, "the cluster does not know the new master")
                yield server
            finally:
                self.servers.remove(server)

    @staticmethod
    def _server(settings: Sequence[str]) -> RedisServer:
        bus = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
        return RedisServer(*bus, *settings, name="redis-cluster")

    def _agrees(self) -> bool:
        infos = [server.client().execute_command("CLUSTER INFO") for server in self.servers]
        known = {(info["cluster_state"], int(info["cluster_known_nodes"])) for info in infos}
        return known == {("ok", len(self.servers))}


def has_replica(master: RedisServer) -> bool:
    """Whether a replica follows: before the master says so, WAIT does not count it."""
    first = master.client().info("replication").get("slave0", {})
    return bool(first.get("state") == "online")


class RedisSentinel:
    """A master, a replica, and the one sentinel that moves the service from one to the other."""

    service = "cookies"

    def __init__(self) -> None:
        self.master = RedisServer(name="redis-master")
        replica_of = ("--replicaof", f"127.0.0.1 {self.master.port}")
        self.replica = RedisServer(*replica_of, name="redis-replica")
        self.sentinel = _SentinelProcess(self.master.port, self.service)

    def start(self) -> None:
        for server in (self.master, self.replica):
            server.start()
        wait_for(self._replicates, "the replica does not follow")
        self.sentinel.start()
        wait_for(self._knows_replica, "the sentinel does not see the replica")

    def destroy(self) -> None:
        for server in (self.sentinel, self.replica, self.master):
            server.destroy()

    def url(self) -> str:
        secret = quoted(PASSWORD)
        return f"redis+sentinel://:{secret}@127.0.0.1:{self.sentinel.port}/{self.service}"

    def master_port(self) -> int:
        """The port of the server that is the master now, as the sentinel knows it."""
        _, port = self.sentinel.client().sentinel_get_master_addr_by_name(self.service)
        return int(port)

    def fail_over(self) -> None:
        """Have the replica take over while the master lives."""
        self.sentinel.client().sentinel_failover(self.service)

    def wait_for_master_but(self, port: int) -> None:
        wait_for(lambda: self.master_port() != port, "no other master")

    def wait_for_replica(self) -> None:
        """Until the master of now has a replica that follows it."""
        wait_for(self._is_whole, "the master has no replica")

    def _is_whole(self) -> bool:
        port = self.master_port()
        master, other = self.master, self.replica
        if port == other.port:
            master, other = other, master
        role = other.client().info("replication")
        return role["role"] == "slave" and role["master_port"] == port and has_replica(master)

    def _replicates(self) -> bool:
        return has_replica(self.master)

    def _knows_replica(self) -> bool:
        return bool(self.sentinel.client().sentinel_slaves(self.service))


class _SentinelProcess(ServerProcess):
    def __init__(self, master_port: int, service: str) -> None:
        owner = account("redis")
        self.port = free_port()
        folder = new_folder("sentinel", owner)
        config = folder / "sentinel.conf"
        config.write_text(
            f"port {self.port}\nbind 127.0.0.1\n"
            f"sentinel monitor {service} 127.0.0.1 {master_port} 1\n"
            f'sentinel auth-pass {service} "{PASSWORD}"\n'
            f"sentinel down-after-milliseconds {service} 800\n"
            f"sentinel failover-timeout {service} 3000\n"
        )
        # It rewrites this file itself.
        config.chmod(0o666)
        command = [program("redis-server", "redis-server"), str(config), "--sentinel"]
        super().__init__("sentinel", command, folder, lambda: self.client().ping(), owner)

    def client(self) -> "redis.Redis[bytes]":
        return redis.Redis(port=self.port, socket_timeout=5)
