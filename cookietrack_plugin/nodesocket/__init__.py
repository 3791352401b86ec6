"""How the command reaches the workers of a running node: the sockets, and what goes over them."""
