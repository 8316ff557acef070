"""The checks before a view, in the order of spec 4.18: token, rate limit, path."""

from collections.abc import Callable
from functools import wraps

from flask import Response, g, request

from progress_api.web.arguments import read_path
from progress_api.web.endpoint import Access, Endpoint
from progress_api.web.state import state


def admit(endpoint: Endpoint) -> Callable[..., Response]:
    """Return the view of an endpoint behind its checks.

    Args:
        endpoint: its access decides who passes.
    """
    name, view, path_names = endpoint.name, endpoint.view, endpoint.path_names
    check = _CHECKS[endpoint.access]

    @wraps(view)
    def serve(**path: str) -> Response:
        check(name)
        return view(**read_path(path, path_names))

    return serve


def _limit_address(name: str) -> None:
    state().limits.spend(name, f"address:{request.remote_addr}")


def _admit_learner(name: str) -> None:
    mounted = state()
    caller = mounted.identity.identify()
    # Requests without a valid token are limited too, by address, before they are refused.
    mounted.limits.spend(name, caller.limit_key)
    g.progress_caller = caller.require_authenticated()


_CHECKS = {Access.PUBLIC: _limit_address, Access.LEARNER: _admit_learner}
