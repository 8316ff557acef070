"""Cursors of pages: opaque texts, each for one place in one list (spec 11.5)."""

import base64
import hashlib
from collections.abc import Sequence

import orjson

_MARK_BYTES = 9


def encoded(of: Sequence[str], place: Sequence[str]) -> str:
    """Return the cursor of a place.

    Args:
        of: what the list is of, such as its learner and status.
        place: where the next page begins.
    """
    return _text([_mark([*of, *place]), *place]).rstrip("=")


def decoded(of: Sequence[str], cursor: str, length: int) -> tuple[str, ...] | None:
    """Return the place; None if the cursor is damaged, or was made for another list.

    Anybody can make such a cursor, for any place: the caller must validate it.

    Args:
        of: what the list is of.
        cursor: from a request.
        length: how many texts a place has.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        _, *place = orjson.loads(text)
        is_whole = cursor == encoded(of, place) and len(place) == length
    except (ValueError, TypeError):
        return None
    return tuple(place) if is_whole and all(isinstance(part, str) for part in place) else None


def _mark(marked: Sequence[str]) -> str:
    return _text(hashlib.sha256(orjson.dumps(marked)).digest()[:_MARK_BYTES])


def _text(content: Sequence[str] | bytes) -> str:
    encodable = content if isinstance(content, bytes) else orjson.dumps(content)
    return base64.urlsafe_b64encode(encodable).decode()
