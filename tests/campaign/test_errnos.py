"""Each call of one kind fails, of a store for which a random choice of calls found too little."""

import errno
import random

import pytest

from campaign.errnos import Fault, _counted, _try
from campaign.places import new_place
from campaign.steps import Author
from campaign.trial import Round, Subject, Tally

SEED = 12
STEPS = 20


@pytest.mark.parametrize("apart", [True, False], ids=["by a process", "by a thread"])
@pytest.mark.parametrize("lasts", [False, True], ids=["once", "for a while"])
@pytest.mark.parametrize(
    ("call", "number"),
    [("mmap", errno.ENOMEM), ("read", errno.EIO), ("open", errno.EROFS)],
    ids=["no memory for a map", "no read", "no opening for writing"],
)
def test_an_lmdb_store_outlives_each_of_these_faults(call, number, lasts, apart):
    options = {"type": "lmdb", "path": "cookies", "writer_process": apart}
    round = Round(Subject(lambda _: options), SEED, 1.0, Tally())
    steps = Author(random.Random(SEED)).history(STEPS)
    calls = _counted(options, steps)[call]
    assert calls
    for first in range(1, calls + 1):
        with new_place(options) as place:
            _try(place, steps, Fault(call, first, number, lasts), round)
    assert (round.tally.failures, round.tally.lost, round.tally.revived) == ([], 0, 0)
