"""Stores that are each broken in one way, and honest otherwise. Importing them registers them."""

from tests.testing.broken import (
    batches,
    changes,
    damage,
    expiry,
    feeds,
    interface,
    providers,
    reopening,
    scans,
    sharing,
    threads,
    unblocked,
    values,
)

__all__ = [
    "batches",
    "changes",
    "damage",
    "expiry",
    "feeds",
    "interface",
    "providers",
    "reopening",
    "scans",
    "sharing",
    "threads",
    "unblocked",
    "values",
]
