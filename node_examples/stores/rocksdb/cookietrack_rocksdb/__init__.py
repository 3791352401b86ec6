"""Crossbar.io cookies in RocksDB: a store for cookietrack-plugin."""
