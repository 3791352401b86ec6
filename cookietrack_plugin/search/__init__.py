"""Selects records, and finds them a page at a time."""
