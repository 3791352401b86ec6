"""Measures Crossbar nodes with cookie stores, and the stores themselves: see docs/benchmarks.md."""
