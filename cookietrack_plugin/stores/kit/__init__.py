"""Helpers for store authors: public, and used by the stores of this package."""
