"""PostgreSQL driven by the reactor: batches and look-ups without threads, over libpq alone."""
