"""PostgreSQL and MariaDB, with one account, its password, and as many databases as one wants."""

import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pymysql

from servers.ports import free_port
from servers.process import ServerProcess, account, new_folder, program, run

USER = "cookietrack"
# One that has to be quoted in a URL, and that a test finds in whatever shows it.
PASSWORD = "p@ss/w:rd#%41"


class Database(ServerProcess):
    """What both have in common. `start` and `destroy` belong to whoever made it."""

    scheme = ""
    admin_database = ""
    port: int

    def connect(self, database: str | None = None) -> Any:
        """The driver's own connection, as the account that owns everything, in autocommit mode."""
        raise NotImplementedError

    def execute(self, statement: str, database: str | None = None) -> list[tuple[Any, ...]]:
        with closing(self.connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def url(self, database: str, password: str = PASSWORD, user: str = USER) -> str:
        secret = quote(password, safe="")
        return f"{self.scheme}://{user}:{secret}@127.0.0.1:{self.port}/{database}"

    def plain_url(self, database: str) -> str:
        """The same for connections that never use TLS."""
        return self.url(database)

    @contextmanager
    def database(self) -> Iterator[str]:
        """A new, empty database: its name."""
        name = f"test_{uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield name
        finally:
            self._drop(name)

    def _drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE {name}")


class PostgreSQL(Database):
    scheme = "postgresql"
    admin_database = "postgres"
    stop_signal = signal.SIGINT

    def __init__(self, *settings: str, folder: Path | None = None, log: Path | None = None) -> None:
        """
        `folder`: where it puts everything, instead of a new one; its account can write there.
        `log`: what it says, if that is to be elsewhere.
        """
        owner = account("postgres")
        folder = folder or new_folder("postgresql", owner)
        self.port = free_port()
        self._init(folder, owner)
        options = [f"port={self.port}", "listen_addresses=127.0.0.1"]
        options += [f"unix_socket_directories={folder}", "shared_buffers=32MB"]
        # In its folder: of a server that is killed they would stay in the machine's memory.
        options += ["dynamic_shared_memory_type=mmap", *settings]
        command = [program("postgres", "postgresql"), "-D", str(folder / "data")]
        command += [part for option in options for part in ("-c", option)]
        super().__init__("PostgreSQL", command, folder, self.connect, owner)
        self._log = log or self._log

    def connect(self, database: str | None = None) -> psycopg.Connection[Any]:
        return psycopg.connect(
            # On its socket it asks for no password: that is quicker by far.
            host=str(self.folder),
            port=self.port,
            user=USER,
            dbname=database or self.admin_database,
            autocommit=True,
            connect_timeout=5,
        )

    def _init(self, folder: Path, owner: str | None) -> None:
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        command = [program("initdb", "postgresql"), "-D", str(folder / "data")]
        command += ["--auth-host=scram-sha-256", "--auth-local=trust"]
        command += [f"--username={USER}", f"--pwfile={secret}"]
        run([*command, "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"], owner, cwd=folder)

    def _drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")


class MariaDB(Database):
    scheme = "mysql"
    admin_database = "mysql"

    def __init__(self, *settings: str) -> None:
        owner = account("mysql")
        folder = new_folder("mariadb", owner)
        self.port = free_port()
        data = f"--datadir={folder / 'data'}"
        install = [program("mariadb-install-db", "mariadb-server"), "--no-defaults", data]
        run([*install, "--auth-root-authentication-method=normal", "--skip-test-db"], owner)
        accounts = folder / "accounts.sql"
        accounts.write_text(
            f"CREATE USER IF NOT EXISTS {USER}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON *.* TO {USER}@'127.0.0.1' WITH GRANT OPTION;\n"
        )
        accounts.chmod(0o644)
        command = [program("mariadbd", "mariadb-server"), "--no-defaults", data]
        command += [f"--port={self.port}", "--bind-address=127.0.0.1", f"--init-file={accounts}"]
        command += [f"--socket={folder / 'socket'}", "--innodb-buffer-pool-size=64M"]
        command += ["--skip-name-resolve", "--performance-schema=OFF", *settings]
        super().__init__("MariaDB", command, folder, self.connect, owner)

    def connect(self, database: str | None = None) -> "pymysql.Connection[Any]":
        return pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            user=USER,
            password=PASSWORD,
            database=database or self.admin_database,
            autocommit=True,
            connect_timeout=5,
            ssl_disabled=True,
        )

    def plain_url(self, database: str) -> str:
        """PyMySQL reads all certificates of the system for each connection that may use TLS."""
        return f"{self.url(database)}?ssl_disabled=true"
