"""The folder of a node's sockets."""

import os
import socket
import stat

import pytest

from cookietrack_plugin.nodesocket.folder import FOLDER, SocketFolder
from cookietrack_plugin.nodesocket.peer import is_trusted

STRANGER = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs other users' files")


@pytest.fixture
def node(tmp_path):
    """A node directory whose path is longer than an address can be."""
    node = tmp_path / ("long" * 20) / ("longer" * 20)
    node.mkdir(parents=True)
    return node


@pytest.fixture
def folder(node):
    folder = SocketFolder.make(str(node))
    yield folder
    folder.remove()
    folder.close()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_its_users_alone_however_long_its_path_is(node, folder):
    with folder.listen("worker001") as listening, folder.connect("worker001", 1) as near:
        far, _ = listening.accept()
        far.close()
        assert near.recv(1) == b""
        assert mode(node / FOLDER) == 0o700
        assert mode(node / FOLDER / "worker001.sock") == 0o600


def test_one_that_is_there_and_open_to_others_is_closed_to_them(node):
    (node / FOLDER).mkdir(mode=0o777)
    SocketFolder.make(str(node)).close()
    assert mode(node / FOLDER) == 0o700


def test_a_socket_that_a_worker_has_left_is_replaced(node, folder):
    folder.listen("worker001").close()
    with pytest.raises(ConnectionRefusedError):
        folder.connect("worker001", 1)
    with folder.listen("worker001"):
        folder.connect("worker001", 1).close()


def test_one_that_somebody_listens_at_is_not(folder):
    with folder.listen("worker001"), pytest.raises(OSError, match="another process listens"):
        folder.listen("worker001")


def test_a_file_of_that_name_is_nobodys_to_remove(node, folder):
    (node / FOLDER / "worker001.sock").write_text("precious")
    with pytest.raises(FileExistsError, match="it is no socket"):
        folder.listen("worker001")
    assert (node / FOLDER / "worker001.sock").read_text() == "precious"


def test_it_is_removed_in_the_end_unless_it_is_anothers_by_then(node, folder):
    path = node / FOLDER / "worker001.sock"
    folder.listen("worker001").close()
    folder.remove()
    assert not path.exists()
    folder.listen("worker001").close()
    path.rename(path.with_name("old.sock"))
    other = SocketFolder.make(str(node))
    with other.listen("worker001"):
        folder.remove()
        assert path.exists()
    other.close()


@pytest.mark.parametrize("worker", ["", "..", "../x", "a/b", "x" * 65, "ä", "a\n"])
def test_what_names_no_socket_is_refused(folder, worker):
    with pytest.raises(OSError, match="expected a worker id of at most 64 letters"):
        folder.listen(worker)


def test_workers_are_those_that_have_a_socket(node, folder):
    for name in ("worker002.sock", "worker001.sock", "notes", ".hidden.sock"):
        (node / FOLDER / name).touch()
    assert folder.workers() == ["worker001", "worker002"]


def test_a_link_is_not_followed(node, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (node / FOLDER).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError):
        SocketFolder.make(str(node))
    assert SocketFolder.find(str(node)) is None


def test_where_none_is_none_is_found(node):
    assert SocketFolder.find(str(node)) is None


@as_root
def test_one_that_is_a_strangers_is_not_used_by_root_neither(node):
    (node / FOLDER).mkdir()
    os.chown(node / FOLDER, STRANGER, STRANGER)
    for use in (SocketFolder.make, SocketFolder.find):
        with pytest.raises(PermissionError, match="another user's"):
            use(str(node))
    # Root looks into the node of another user.
    os.chown(node, STRANGER, STRANGER)
    found = SocketFolder.find(str(node))
    assert found is not None
    found.close()


def connect_as(user, address):
    """A child process that has connected to the address, and waits for the other end to close."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setuid(user)
            with socket.socket(socket.AF_UNIX) as near:
                near.connect(address)
                near.recv(1)
        finally:
            os._exit(0)
    return pid


@pytest.mark.parametrize(
    ("user", "trusted"),
    [(os.geteuid(), True), pytest.param(STRANGER, False, marks=as_root)],
)
def test_the_kernel_says_who_is_at_the_other_end(tmp_path, user, trusted):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"\0{tmp_path}")
        listening.listen()
        pid = connect_as(user, listening.getsockname())
        far, _ = listening.accept()
        with far:
            assert is_trusted(far) is trusted
        os.waitpid(pid, 0)
