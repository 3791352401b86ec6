"""Origins of Web pages."""

from urllib.parse import urlsplit


def origin_of(text: str) -> str | None:
    """
    The origin as browsers write it (RFC 6454 section 6.2): in lower case, without the port that its
    scheme has; None where it is none.
    """
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        return None
    if url.scheme not in ("http", "https") or not host or url.username is not None:
        return None
    if url.path or url.query or url.fragment or text != text.strip():
        return None
    host = f"[{host}]" if ":" in host else host
    default = 443 if url.scheme == "https" else 80
    return f"{url.scheme}://{host}" + ("" if port in (None, default) else f":{port}")
