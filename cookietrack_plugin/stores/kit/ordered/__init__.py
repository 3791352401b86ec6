"""
A whole store over an engine that keeps keys in order: what an author adds is the engine.

`OrderedStore` has the contract, user revocation, the feed and the fences. `engine` says what it
needs of an engine: a look at keys, a scan of a range, and a write that is all or none.
"""
