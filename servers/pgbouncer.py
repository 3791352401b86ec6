"""PgBouncer before a PostgreSQL, as it is most used: a connection for each transaction."""

from typing import Any

import psycopg

from servers.databases import PASSWORD, USER, PostgreSQL
from servers.ports import free_port
from servers.process import ServerProcess, account, new_folder, program

CONFIGURATION = """\
[databases]
* = host=127.0.0.1 port={server} user={user} password='{password}'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
"""


class PgBouncer(ServerProcess):
    """:param settings: lines of the section `pgbouncer`."""

    def __init__(self, server: PostgreSQL, *settings: str) -> None:
        owner = account("postgres")
        folder = new_folder("pgbouncer", owner)
        self.port = free_port()
        self._database = server.admin_database
        file = folder / "pgbouncer.ini"
        text = CONFIGURATION.format(
            server=server.port, port=self.port, user=USER, password=PASSWORD
        )
        file.write_text(text + "\n".join(settings))
        command = [program("pgbouncer", "pgbouncer"), str(file)]
        super().__init__("PgBouncer", command, folder, self._ready_to_pool, owner)

    def url(self, database: str) -> str:
        """What a store behind it names: the password is PgBouncer's business."""
        return f"postgresql://{USER}:any@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """As another program that shares its connections."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=USER,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
            prepare_threshold=None,
        )

    def _ready_to_pool(self) -> bool:
        with self.connect(self._database) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
