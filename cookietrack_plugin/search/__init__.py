"""Which records are meant, and finding them a page at a time."""
