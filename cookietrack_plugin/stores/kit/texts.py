"""The bytes of a text, also of one that UTF-8 has none for: half of a surrogate pair is kept."""


def packed_text(text: str | None) -> bytes | None:
    """Bytes from which `text_of` reads the text; None for None."""
    return None if text is None else text.encode(errors="surrogatepass")


def text_of(data: bytes | None) -> str | None:
    """:raises ValueError: these are no such bytes."""
    return None if data is None else data.decode(errors="surrogatepass")
