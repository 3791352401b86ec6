"""
The load generator: a process of its own, one thread, sockets and epoll without a framework.

It has to be so much faster than a router that the router alone is measured; `ceiling` shows by how
much it is.
"""
