"""Cookies in Redis or Valkey, with Sentinel or as a cluster too: for any number of nodes."""
