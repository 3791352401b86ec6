"""A worker's socket for the command `cookietrack`."""
