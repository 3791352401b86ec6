"""Crossbar.io cookies in etcd: a store for cookietrack-plugin."""
