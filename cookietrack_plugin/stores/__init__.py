"""Cookie stores: plain, blocking Python behind `interfaces.ICookieStore`."""
