"""Pluggable cookie stores for Crossbar.io. The contract is in `cookietrack_plugin.interfaces`."""
