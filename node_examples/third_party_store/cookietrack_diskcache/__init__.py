"""Crossbar.io cookies in diskcache: a store for cookietrack-plugin."""
