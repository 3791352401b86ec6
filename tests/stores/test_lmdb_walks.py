"""A walk over a damaged lmdb store: it ends, in an error or with what can be read."""

import json
import subprocess
import sys
from pathlib import Path

from cookietrack_plugin.record import Create
from cookietrack_plugin.stores.lmdb.store import LmdbProvider
from cookietrack_plugin.testing.samples import make_auth, make_cookie

COUNT = 1_000
OPTIONS = {"type": "lmdb", "path": "cookies", "sync": False, "writer_process": False}
# Zeroes each half of each page in turn, and walks over the store in a process that may die: LMDB
# aborts the process for some of it. Gives how the processes ended, by exit code or signal.
WALK = """
import json, os, signal, sys
from collections import Counter
from pathlib import Path

from cookietrack_plugin.errors import StoreCorrupt, StoreUnavailable
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.lmdb.store import LmdbProvider

file, options, most = Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
whole = file.read_bytes()


def walk():
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    signal.alarm(20)
    try:
        store = LmdbProvider().open(options, str(file.parents[1]))
        counts = [sum(1 for _ in records(store, *user)) for user in [(), ("joe",)]]
        return 0 if max(counts) <= most else 9
    except (StoreCorrupt, StoreUnavailable):
        return 1


ends = Counter()
for start in range(2 * 4096, len(whole), 2048):
    file.write_bytes(whole[:start] + bytes(2048) + whole[start + 2048 :])
    if not (child := os.fork()):
        os._exit(walk())
    ends[os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])] += 1
print(json.dumps(ends))
"""


def test_a_walk_over_half_a_page_of_zeros_ends(tmp_path: Path):
    store = LmdbProvider().open(OPTIONS, str(tmp_path))
    store.commit([Create(make_cookie(n, make_auth() if n % 2 else None)) for n in range(COUNT)])
    store.close()
    arguments = tmp_path / "cookies" / "data.mdb", json.dumps(OPTIONS), str(COUNT)
    command = [sys.executable, "-c", WALK, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ends = json.loads(done.stdout)
    # 0: with what can be read. 1: in an error. -6 and -7: LMDB has ended the process.
    assert set(ends) <= {"0", "1", "-6", "-7", "-11"}
    assert ends["0"] > ends.get("-6", 0)
    assert ends["1"] > 0
