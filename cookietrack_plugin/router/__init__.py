"""Everything that touches Crossbar: the only package that imports it."""
