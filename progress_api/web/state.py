"""What one app holds of ours, and the one way to it from a request."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, current_app, request

from progress_api.monitoring.metrics import Metrics
from progress_api.progress.repository import ProgressRepository
from progress_api.settings import Settings
from progress_api.web.identity import Identity
from progress_api.web.limits import Limits

if TYPE_CHECKING:
    from sqlalchemy import Engine

EXTENSION = "progress_api"


@dataclass(frozen=True, slots=True)
class State:
    """What one mounted blueprint works with.

    Args:
        blueprint: what is mounted.
        url_prefix: where it is mounted.
        engine: of the database.
        schema: where the tables are in it; None for where a connection looks by itself.
        progress: where progress is kept.
        repository_on: makes a repository by the same policy on a session of the host's.
        identity: who calls.
        limits: how often they may.
        metrics: what is measured of it.
        max_body_bytes: of a request.
        settings: what the description of the service tells.
    """

    blueprint: Blueprint
    url_prefix: str
    engine: "Engine"
    schema: str | None
    progress: ProgressRepository
    repository_on: Callable[[Any], ProgressRepository]
    identity: Identity
    limits: Limits
    metrics: Metrics
    max_body_bytes: int
    settings: Settings


def states(app: Flask) -> dict[str, State]:
    """Return the state of each mounted blueprint of an app, by the name that it is mounted under.

    Args:
        app: one where something may be mounted.
    """
    mounted: dict[str, State] = app.extensions.setdefault(EXTENSION, {})
    return mounted


def state() -> State:
    """Return the state of the blueprint that serves the current request."""
    mounted: dict[str | None, State] = current_app.extensions[EXTENSION]
    return mounted[request.blueprint]
