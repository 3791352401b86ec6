"""The parts of the conformance suite, one group of demands a module. Compose them as you like."""
