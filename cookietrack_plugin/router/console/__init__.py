"""The `cookietrack-console` path service: a page for operators, and the JSON API that it uses."""
