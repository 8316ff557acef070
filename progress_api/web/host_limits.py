"""The host app's Flask-Limiter on our routes: its default limits are replaced, others apply."""

import math
import time
from typing import cast
from weakref import WeakSet

from flask import Blueprint, Flask, current_app, request
from flask_limiter import ExemptionScope, Limiter
from flask_limiter.errors import RateLimitExceeded
from flask_limiter.util import get_remote_address
from werkzeug.exceptions import HTTPException

from progress_api.exceptions import LimitExceeded
from progress_api.settings import Settings
from progress_api.web.limits import StoreFailed, ask_store, storage_options
from progress_api.web.state import state


def register(blueprint: Blueprint) -> None:
    """Exempt the blueprint from the default limits of the app, which the endpoints' replace.

    With RATELIMIT_ENABLED off the default limits apply. Application limits always apply.

    Args:
        blueprint: the mounted blueprint.
    """
    exempted: WeakSet[Limiter] = WeakSet()

    def exempt(*_: object) -> None:
        for limiter in current_app.extensions.get("limiter", ()):
            if limiter not in exempted and state().settings.ratelimit_enabled:
                _exempt_from_defaults(limiter, blueprint)
                exempted.add(limiter)

    # Runs before the hooks of the host app, even those of a Limiter that is set up later.
    blueprint.url_value_preprocessor(exempt)


def _exempt_from_defaults(limiter: Limiter, blueprint: Blueprint) -> None:
    # Keep the exemptions that the host app has made itself.
    scope = limiter.limit_manager.exemption_scope(current_app, None, request.blueprint)
    limiter.exempt(blueprint, flags=scope | ExemptionScope.DEFAULT)


def limit_exceeded(error: HTTPException) -> LimitExceeded | None:
    """Return the host app's limit that a request exceeds, or None for any other error.

    Args:
        error: raised by the host app.
    """
    if not isinstance(error, RateLimitExceeded):
        return None
    item, message = error.limit.limit, error.limit.error_message
    return LimitExceeded(
        limit=item.amount,
        window=str(item),
        reset_in=_reset_in(error),
        detail=error.description if message else None,
    )


def _reset_in(error: RateLimitExceeded) -> int:
    item = error.limit.limit
    limits = [limiter.current_limit for limiter in current_app.extensions["limiter"]]
    breached = [limit for limit in limits if limit and limit.breached and limit.limit == item]
    if not breached:
        return int(item.get_expiry())
    try:
        reset_at = ask_store(lambda: float(breached[0].window[0]))
    except StoreFailed:
        return int(item.get_expiry())
    return max(1, math.ceil(reset_at - time.time()))


def limiter_of(app: Flask, settings: Settings) -> Limiter:
    """Return the Limiter of the host app, or a new one.

    Only its storage and its key prefix are used. A new Limiter is set up on a private Flask app,
    because its hooks would cost every request and check nothing.

    Args:
        app: the host app.
        settings: the address of the store of a new Limiter.
    """
    for limiter in app.extensions.get("limiter", ()):
        return cast("Limiter", limiter)
    uri = settings.ratelimit_storage_uri
    made = Limiter(
        get_remote_address,
        app=Flask(__name__, static_folder=None),
        storage_uri=uri,
        storage_options=storage_options(uri),
        strategy="fixed-window",
    )
    made.logger.handlers.pop()  # each Limiter adds another NullHandler to a shared logger
    return made


def key_prefix(limiter: Limiter) -> str:
    """Return what separates host apps that share a store.

    Args:
        limiter: of the host app, or a new one.
    """
    # flask-limiter has no public name for it.
    return getattr(limiter, "_key_prefix", "")
