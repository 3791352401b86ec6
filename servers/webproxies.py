"""nginx and HAProxy in front of a node, as an operator would configure them."""

import socket
from collections.abc import Callable
from pathlib import Path

from servers.ports import free_port
from servers.process import ServerProcess, account, new_folder, program

NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    server {{
        {listen}
        location / {{
            proxy_pass http://127.0.0.1:{behind};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header Forwarded "";
        }}
    }}
}}
"""

LISTEN = "listen 127.0.0.1:{port};"
LISTEN_TLS = """listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};"""

HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout tunnel 1h
frontend clients
    bind 127.0.0.1:{port}
    option forwardfor
    http-request del-header Forwarded
    default_backend node
backend node
    server node 127.0.0.1:{behind}
"""


class WebProxy(ServerProcess):
    """
    One that listens at `port`.

    :param behind: the port of the node's transport.
    """

    NAME = PACKAGE = CONFIGURATION = ""
    OPTIONS: tuple[str, ...] = ()

    def __init__(self, behind: int) -> None:
        owner = account("nobody")
        self.port = free_port()
        folder = new_folder(self.NAME, owner)
        path = folder / "proxy.conf"
        path.write_text(self._configuration(folder, behind).lstrip())
        command = [program(self.NAME, self.PACKAGE), *self.OPTIONS, str(path)]
        super().__init__(self.NAME, command, folder, self._accepts, owner)

    def _configuration(self, folder: Path, behind: int) -> str:
        return self.CONFIGURATION.format(folder=folder, port=self.port, behind=behind)

    def _accepts(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True


class Nginx(WebProxy):
    NAME, PACKAGE, OPTIONS = "nginx", "nginx-light", ("-c",)

    def _configuration(self, folder: Path, behind: int) -> str:
        return NGINX.format(folder=folder, behind=behind, listen=self._listen(folder))

    def _listen(self, folder: Path) -> str:
        return LISTEN.format(port=self.port)


class TlsNginx(Nginx):
    """
    One that speaks TLS with clients, and none with the node.

    :param certify: writes a certificate and its key into a folder, for an account: their files.
    """

    def __init__(
        self, behind: int, certify: Callable[[Path, str | None], tuple[Path, Path]]
    ) -> None:
        self._certify = certify
        super().__init__(behind)

    def _listen(self, folder: Path) -> str:
        self.certificate, key = self._certify(folder, account("nobody"))
        return LISTEN_TLS.format(port=self.port, certificate=self.certificate, key=key)


class HAProxy(WebProxy):
    NAME, PACKAGE, CONFIGURATION, OPTIONS = "haproxy", "haproxy", HAPROXY, ("-db", "-f")
