"""What one app holds of ours, and the one way to it from a request."""

from dataclasses import dataclass

from flask import Flask, current_app, request

from progress_api.repository.progress import ProgressRepository
from progress_api.web.identity import Identity
from progress_api.web.limits import Limits

EXTENSION = "progress_api"


@dataclass(frozen=True, slots=True)
class State:
    """What the views of one mounted blueprint work with.

    Args:
        progress: where progress is kept.
        identity: who calls.
        limits: how often they may.
        max_body_bytes: of a request.
    """

    progress: ProgressRepository
    identity: Identity
    limits: Limits
    max_body_bytes: int


def keep_state(app: Flask, name: str, state: State) -> None:
    """Give an app its state.

    Args:
        app: the app that the blueprint is mounted in.
        name: the name that it is mounted under.
        state: what its views will find.
    """
    app.extensions.setdefault(EXTENSION, {})[name] = state


def state() -> State:
    """Return the state of the blueprint that serves the current request."""
    states: dict[str | None, State] = current_app.extensions[EXTENSION]
    return states[request.blueprint]
