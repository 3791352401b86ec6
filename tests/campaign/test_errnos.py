"""Each call of a kind fails, where a campaign chooses some, of stores that it found faults in."""

import errno
import random

import pytest

from campaign.errnos import Fault, counted, endure
from campaign.places import new_place
from campaign.steps import Author
from campaign.trial import Round, Subject, Tally

SEED = 12
STEPS = 16
SQLITE = {"type": "sql", "url": "sqlite:///cookies.sqlite"}
NUMBERS = {"mmap": errno.ENOMEM, "read": errno.EIO, "open": errno.EROFS}


@pytest.fixture
def outlives():
    """A function: whether a store with these options outlives the failure of each such call."""
    steps = Author(random.Random(SEED)).history(STEPS)

    def try_all(options, call, number, lasts, earlier):
        round = Round(Subject(lambda _: options), SEED, 1.0, Tally())
        calls = counted(options, steps, earlier)[call]
        assert calls
        for first in range(1, calls + 1):
            with new_place(options) as place:
                endure(place, steps, Fault(call, first, number, lasts), round, earlier)
        return (round.tally.failures, round.tally.lost, round.tally.revived) == ([], 0, 0)

    return try_all


@pytest.mark.parametrize("apart", [True, False], ids=["by a process", "by a thread"])
@pytest.mark.parametrize("lasts", [False, True], ids=["once", "for a while"])
@pytest.mark.parametrize("call", NUMBERS)
def test_an_lmdb_store_outlives_each_fault_of(outlives, call, lasts, apart):
    options = {"type": "lmdb", "path": "cookies", "writer_process": apart}
    assert outlives(options, call, NUMBERS[call], lasts, earlier=0)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EROFS], ids=errno.errorcode.get)
def test_a_sqlite_file_that_could_not_be_opened_for_writing_once_is_written_to_again(
    outlives, number
):
    """SQLite opens it for reading then, and a pool would keep that connection for half an hour."""
    assert outlives(SQLITE, "open", number, lasts=False, earlier=12)
