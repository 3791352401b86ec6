"""Web services, mostly over real connections."""
