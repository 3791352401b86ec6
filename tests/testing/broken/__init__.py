"""Stores that are each broken in one way, and honest otherwise. Importing them registers them."""

from tests.testing.broken import (
    batches,
    changes,
    closing,
    damage,
    expiry,
    feeds,
    fences,
    interface,
    providers,
    reopening,
    scans,
    sharing,
    threads,
    unblocked,
    user_revocations,
    values,
)

__all__ = [
    "batches",
    "changes",
    "closing",
    "damage",
    "expiry",
    "feeds",
    "fences",
    "interface",
    "providers",
    "reopening",
    "scans",
    "sharing",
    "threads",
    "unblocked",
    "user_revocations",
    "values",
]
