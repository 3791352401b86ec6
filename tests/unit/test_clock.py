"""The time by which records live: no jump of any clock lengthens a lifetime."""

import random
import time
from collections.abc import Callable

import pytest

from cookietrack_plugin.access.servertime import TimeSample
from cookietrack_plugin.tracking.clock import MAX_SKEW_S, LocalClock, ServerClock

START = 1_700_000_000.0


class Machine:
    """A wall clock that jumps, and a monotonic one that does not."""

    def __init__(self) -> None:
        self.wall, self.monotonic = START, 50.0

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds

    def jumps(self, seconds: float) -> None:
        self.wall += seconds


@pytest.fixture
def machine() -> Machine:
    return Machine()


class TestALocalClock:
    @pytest.fixture
    def clock(self, machine: Machine) -> LocalClock:
        return LocalClock(lambda: machine.wall, lambda: machine.monotonic)

    @pytest.fixture
    def elapsed(self, clock: LocalClock) -> Callable[[], float]:
        """The seconds that have passed since the test began, by this clock."""
        began = clock.now()
        return lambda: (clock.now() - began) / 1000

    def test_has_whole_unix_milliseconds(self):
        assert LocalClock(lambda: 1.2399, lambda: 50.0).now() == 1239

    def test_has_this_machines_time(self):
        before = int(time.time() * 1000)
        assert before <= LocalClock().now() <= int(time.time() * 1000)

    def test_goes_with_the_wall_clock(self, machine, elapsed):
        machine.passes(1.5)
        assert elapsed() == 1.5

    def test_goes_on_when_the_wall_clock_jumps_back(self, machine, elapsed):
        """So a lifetime that began before ends when it would have."""
        machine.passes(10)
        machine.jumps(-3600)
        assert elapsed() == 10
        machine.passes(20)
        assert elapsed() == 30
        machine.passes(3600)
        assert elapsed() == 3630

    def test_goes_on_when_the_wall_clock_stands_still(self, machine, elapsed):
        machine.monotonic += 7
        assert elapsed() == 7

    def test_jumps_ahead_with_the_wall_clock(self, machine, elapsed):
        machine.jumps(3600)
        assert elapsed() == 3600
        machine.passes(5)
        assert elapsed() == 3605

    def test_follows_a_wall_clock_that_is_faster(self, machine, elapsed):
        """As after the machine has slept, when the monotonic clock may have stood still."""
        for _ in range(10):
            machine.wall += 2
            machine.monotonic += 1
        assert elapsed() == 20

    def test_lengthens_nothing_when_the_wall_clock_jumps_forward_and_back(
        self, machine, clock, elapsed
    ):
        machine.jumps(3600)
        expires = clock.now() + 60_000
        machine.jumps(-3600)
        machine.passes(59)
        assert clock.now() < expires
        machine.passes(1)
        assert clock.now() >= expires

    def test_is_looked_at_rarely_and_knows_all_the_same(self, machine, elapsed):
        """What it was not asked for it has not seen: a jump forward that was taken back."""
        machine.jumps(3600)
        machine.passes(5)
        machine.jumps(-3600)
        assert elapsed() == 5

    @pytest.mark.parametrize("asked", ["made", "asked"])
    def test_is_not_ahead_after_the_process_stood_still_between_its_two_readings(
        self, machine, asked
    ):
        stops = iter([5.0 if asked == "made" else 0.0, 0.0, 5.0 if asked == "asked" else 0.0])

        def read(clock: str) -> float:
            value: float = getattr(machine, clock)
            machine.passes(next(stops, 0.0))
            return value

        clock = LocalClock(lambda: read("wall"), lambda: read("monotonic"))
        for _ in range(3):
            assert clock.now() <= int(1000 * machine.wall)

    @pytest.mark.parametrize("seed", range(20))
    def test_is_never_earlier_and_never_slower_whatever_jumps(self, machine, clock, seed):
        chance = random.Random(seed)
        for _ in range(200):
            before = clock.now()
            machine.jumps(chance.choice([0, 0, 3600, -3600, 0.5, -0.5]))
            seconds = chance.random()
            machine.passes(seconds)
            # A millisecond for what whole milliseconds leave out.
            assert clock.now() >= before + 1000 * seconds - 1
            assert clock.now() >= int(1000 * machine.wall)

    def test_knows_how_far_the_wall_clock_is_ahead_of_it(self, machine, clock):
        assert abs(clock.skew()) < 0.001
        machine.jumps(-3600)
        assert clock.skew() == pytest.approx(-3600, abs=0.001)
        machine.jumps(7200)
        assert abs(clock.skew()) < 0.001


class Server:
    """
    A machine's store on a server, whose clock is ahead of the machine's wall clock by `ahead` in
    the beginning, and goes with the monotonic one.
    """

    def __init__(self, machine: Machine, ahead: float = 0.0) -> None:
        self.machine = machine
        self.offset = machine.wall + ahead - machine.monotonic

    @property
    def time(self) -> float:
        return self.offset + self.machine.monotonic

    def sample(self, there: float = 0.01, back: float = 0.01) -> TimeSample:
        """A round trip of so many seconds."""
        sent = self.machine.monotonic
        self.machine.passes(there)
        time = self.time
        self.machine.passes(back)
        return TimeSample(time, sent, self.machine.monotonic)


class TestAServerClock:
    @pytest.fixture
    def server(self, machine: Machine) -> Server:
        return Server(machine, ahead=300)

    @pytest.fixture
    def clock(self, machine: Machine, server: Server) -> ServerClock:
        sample = server.sample()
        return ServerClock(sample, lambda: machine.wall, lambda: machine.monotonic)

    @pytest.fixture
    def error(self, clock: ServerClock, server: Server) -> Callable[[], float]:
        """The seconds by which it is ahead of the server's."""
        return lambda: round(clock.now() / 1000 - server.time, 2)

    def test_has_the_servers_time_whatever_this_machines_is(self, error):
        assert error() == 0

    def test_has_whole_unix_milliseconds(self, machine):
        sample = TimeSample(1.2399, machine.monotonic, machine.monotonic)
        assert ServerClock(sample, monotonic=lambda: machine.monotonic).now() == 1239

    def test_takes_the_middle_of_the_first_round_trip(self, machine, server):
        sample = server.sample(there=0.5, back=0.7)
        clock = ServerClock(sample, monotonic=lambda: machine.monotonic)
        assert clock.now() / 1000 - server.time == pytest.approx(-0.1, abs=0.002)

    @pytest.mark.parametrize("jump", [3600, -3600])
    def test_passes_by_the_monotonic_clock(self, machine, error, jump):
        machine.jumps(jump)
        machine.passes(1000)
        assert error() == 0

    def test_is_of_this_machine_where_no_other_clocks_are_given(self):
        now = time.monotonic()
        clock = ServerClock(TimeSample(START, now, now))
        assert START * 1000 <= clock.now() < (START + 60) * 1000
        assert clock.skew() == pytest.approx(time.time() - START, abs=60)

    @pytest.mark.parametrize(("there", "back"), [(1.9, 0.0), (0.0, 1.9), (1.9, 1.9), (0.5, 30.0)])
    def test_is_not_moved_by_a_slow_round_trip(self, server, clock, error, there, back):
        clock.adjust(server.sample(there, back))
        assert error() == 0

    @pytest.mark.parametrize("drift", [0.3, -0.3])
    def test_is_put_right_when_it_drifts(self, server, clock, error, drift):
        """As far as is certain: the server has read its clock during the round trip."""
        server.offset += drift
        clock.adjust(server.sample(0.05, 0.05))
        assert abs(error()) <= 0.1

    def test_drifts_no_further_than_a_round_trip_allows(self, machine, server, clock, error):
        for _ in range(1000):
            server.offset -= 0.006
            machine.passes(60)
            clock.adjust(server.sample(0.02, 0.02))
        assert abs(error()) <= 0.05

    def test_follows_a_server_that_is_set_forward(self, server, clock, error):
        server.offset += 3600
        clock.adjust(server.sample())
        assert abs(error()) == pytest.approx(3600, abs=0.05)
        clock.adjust(server.sample())
        assert abs(error()) <= 0.02

    def test_does_not_follow_one_sample_that_is_far_ahead(self, server, clock, error):
        """A failover to a server with a wrong clock: there would be no way back."""
        for _ in range(3):
            server.offset += 3600
            clock.adjust(server.sample())
            server.offset -= 3600
            clock.adjust(server.sample())
        assert abs(error()) <= 0.05

    def test_does_not_follow_a_server_that_is_set_back(self, machine, server, clock, error):
        """A lifetime ends when it would have."""
        for _ in range(3):
            server.offset -= 3600
            clock.adjust(server.sample())
            machine.passes(60)
        assert error() == 3 * 3600

    def test_goes_on_with_a_server_that_is_set_right_again(self, server, clock, error):
        server.offset -= 3600
        clock.adjust(server.sample())
        server.offset += 3600.5
        clock.adjust(server.sample())
        assert abs(error()) <= 0.02

    @pytest.mark.parametrize(("back", "ahead"), [(MAX_SKEW_S - 0.1, 0.0), (MAX_SKEW_S + 0.1, 2.1)])
    def test_takes_for_drift_what_nobody_would_notice(self, server, clock, error, back, ahead):
        server.offset -= back
        clock.adjust(server.sample(0.01, 0))
        assert error() == pytest.approx(ahead, abs=0.02)

    def test_is_never_earlier_than_before(self, machine, server, clock):
        before = clock.now()
        server.offset -= 1
        clock.adjust(server.sample(0, 0))
        assert clock.now() == before
        machine.passes(0.9)
        assert clock.now() == before
        machine.passes(0.2)
        assert clock.now() > before

    def test_knows_how_far_the_wall_clock_is_ahead_of_the_server(self, machine, clock):
        assert clock.skew() == pytest.approx(-300)
        machine.jumps(500)
        assert clock.skew() == pytest.approx(200)
