"""CBOR that can be read back."""

from typing import Any

import cbor2


def packed(value: Any) -> bytes:
    """
    The CBOR of `value`, from which `cbor2.loads` reads it again.

    :raises ValueError: there is none. cbor2 cannot read all that it writes: such a value is refused
        here, instead of being lost at the next login.
    """
    try:
        data = cbor2.dumps(value)
        cbor2.loads(data)
    except (cbor2.CBORError, RecursionError, UnicodeEncodeError) as error:
        raise ValueError(f"data that cannot be stored: {error}") from error
    return data
