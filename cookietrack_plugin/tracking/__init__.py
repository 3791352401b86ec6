"""Who is in: `Tracker` is its face."""
