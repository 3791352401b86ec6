"""Faults of every kind, at random, for the stores: see docs/campaign.md."""
