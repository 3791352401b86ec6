"""From a configuration item to checked settings and a provider."""
