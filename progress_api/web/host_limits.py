"""A host's Flask-Limiter on our routes: its default limits give way to ours, its others hold."""

import math
import time
from weakref import WeakSet

from flask import Blueprint, current_app, request
from flask_limiter import ExemptionScope, Limiter
from flask_limiter.errors import RateLimitExceeded
from werkzeug.exceptions import HTTPException

from progress_api.exceptions import LimitExceeded
from progress_api.web.limits import StoreFailed, ask_store
from progress_api.web.state import state


def register(blueprint: Blueprint) -> None:
    """Exempt a blueprint from the default limits of each Limiter in its app.

    Where our own limits are off, the default limits hold. Application limits always do.

    Args:
        blueprint: what is mounted.
    """
    exempted: WeakSet[Limiter] = WeakSet()

    def exempt(*_: object) -> None:
        for limiter in current_app.extensions.get("limiter", ()):
            if limiter not in exempted and state().settings.ratelimit_enabled:
                _exempt_from_defaults(limiter, blueprint)
                exempted.add(limiter)

    # It runs before each hook of the host, also before that of a Limiter set up after the mount.
    blueprint.url_value_preprocessor(exempt)


def _exempt_from_defaults(limiter: Limiter, blueprint: Blueprint) -> None:
    # The host may have exempted the blueprint from more than its defaults.
    scope = limiter.limit_manager.exemption_scope(current_app, None, request.blueprint)
    limiter.exempt(blueprint, flags=scope | ExemptionScope.DEFAULT)


def limit_exceeded(error: HTTPException) -> LimitExceeded | None:
    """Return which limit of the host refused a request, or None if none of them did.

    Args:
        error: what the request was refused with.
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
    known = [limiter.current_limit for limiter in current_app.extensions["limiter"]]
    breached = [one for one in known if one and one.breached and one.limit == item]
    if not breached:
        return int(item.get_expiry())
    try:
        reset_at = ask_store(lambda: float(breached[0].window[0]))
    except StoreFailed:
        return int(item.get_expiry())
    return max(1, math.ceil(reset_at - time.time()))
