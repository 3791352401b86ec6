"""A blocking store, used from the reactor without waiting. `AsyncStore` is its face."""
