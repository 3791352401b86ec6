"""The `cookietrack-guard` path service: the login of a WebSocket lets in to Web resources."""
