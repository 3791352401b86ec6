"""A child process that writes for a worker."""
