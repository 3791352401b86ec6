"""Real servers on this machine, each in a folder of its own: for the tests and the benchmarks."""
