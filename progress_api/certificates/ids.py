"""The public ids of certificates: 128 random bits in Crockford's base32 (spec 14.1)."""

import re
import secrets

ID_LENGTH = 26
MOST_CHARACTERS = 64  # with hyphens
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BITS = 128
_BITS_OF_CHARACTER = 5
# 26 characters hold 130 bits; a first one above 7 would be more than 128.
_CANONICAL = re.compile(f"[0-7][{_ALPHABET}]{{{ID_LENGTH - 1}}}")
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None})


def new_id() -> str:
    """Return an id that nobody can guess."""
    number = secrets.randbits(_BITS)
    shifts = range((ID_LENGTH - 1) * _BITS_OF_CHARACTER, -1, -_BITS_OF_CHARACTER)
    return "".join(_ALPHABET[number >> shift & 0b11111] for shift in shifts)


def canonical_id(text: str) -> str | None:
    """Return an id in its one form, or None if the text is not one (spec 14.4).

    Args:
        text: in upper or lower case, with or without hyphens, O for 0, and I and L for 1.
    """
    # Before upper(), which turns some other letters into ASCII.
    if not text.isascii():
        return None
    certificate_id = text.upper().translate(_READ_AS)
    return certificate_id if _CANONICAL.fullmatch(certificate_id) else None
