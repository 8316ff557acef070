"""Forbids caches to store responses: most of them hold what one learner alone may see."""

from flask import Blueprint, Flask, Response


def register(scaffold: Flask | Blueprint) -> None:
    """Send `Cache-Control: no-store` with every response that does not set its own.

    Args:
        scaffold: the app of the service on its own, the blueprint as a guest.
    """
    scaffold.after_request(_forbid_storing)


def _forbid_storing(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-store")
    return response
