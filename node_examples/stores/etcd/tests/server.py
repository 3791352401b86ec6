"""A server of the tests' own, on free ports, which can be stopped and started again."""

import socket
import subprocess
from base64 import b64encode
from contextlib import suppress
from time import sleep

import urllib3


class Server:
    def __init__(self, folder):
        self.folder = folder
        self.url, self.peers = (f"http://127.0.0.1:{free_port()}" for _ in range(2))

    def start(self):
        command = [
            *("etcd", "--data-dir", "data", "--logger", "zap"),
            *("--listen-client-urls", self.url, "--advertise-client-urls", self.url),
            *("--listen-peer-urls", self.peers, "--initial-advertise-peer-urls", self.peers),
            *("--initial-cluster", f"default={self.peers}"),
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        for _ in range(1000):
            with suppress(urllib3.exceptions.HTTPError):
                if urllib3.request("GET", f"{self.url}/health", retries=False).status == 200:
                    return
            sleep(0.02)
        raise AssertionError(f"the server does not answer: see {self.folder / 'log'}")

    def stop(self):
        self.process.kill()
        self.process.wait()

    def put(self, prefix, key, value):
        self.call("kv/put", {"key": coded(prefix.encode() + key), "value": coded(value)})

    def clear(self, prefix):
        start = prefix.encode()
        self.call("kv/deleterange", {"key": coded(start), "range_end": coded(start + b"\xff")})

    def ask_for_password(self, password):
        """From now on only `root` is let in, with that password."""
        self.call("auth/user/add", {"name": "root", "password": password})
        self.call("auth/role/add", {"name": "root"})
        self.call("auth/user/grant", {"user": "root", "role": "root"})
        self.call("auth/enable", {})

    def forget_tokens(self, password):
        """As etcd does when they are some minutes old."""
        login = {"name": "root", "password": password}
        token = self.call("auth/authenticate", login)["token"]
        self.call("auth/disable", {}, {"Authorization": token})
        self.call("auth/enable", {})

    def call(self, method, request, headers=None):
        url = f"{self.url}/v3/{method}"
        response = urllib3.request("POST", url, json=request, headers=headers)
        assert response.status == 200, response.data
        return response.json()


def coded(data):
    return b64encode(data).decode()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]
