"""Cookies in an LMDB environment: durable, indexed, and shared by the workers of one machine."""
