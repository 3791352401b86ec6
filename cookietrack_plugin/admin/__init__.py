"""What the command `cookietrack` does, one module a command group."""
