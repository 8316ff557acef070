"""How a request reaches the view of an endpoint: URL rules, then the checks of spec 4.18."""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from functools import wraps

from flask import Blueprint, Response, current_app, g, request
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import MapAdapter

from progress_api.exceptions import ScopeMissing, Unauthenticated
from progress_api.web.arguments import count_body, read_path
from progress_api.web.endpoint import Access, Endpoint
from progress_api.web.identity import Anonymous, Role, scopes_of
from progress_api.web.responses import json_response
from progress_api.web.state import enter, settings

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})


def register(blueprint: Blueprint, endpoints: Iterable[Endpoint], *, fallbacks: bool) -> None:
    """Route requests to endpoints, each behind its checks.

    Args:
        blueprint: has the prefix that the rules of the endpoints are below.
        endpoints: each with a name of its own.
        fallbacks: whether to answer other methods and paths below the prefix as well, which an
            app with error handlers of its own would not answer in JSON.
    """
    blueprint.url_value_preprocessor(count_body)
    methods: dict[str, set[str]] = defaultdict(lambda: {"OPTIONS"})
    for endpoint in endpoints:
        methods[endpoint.rule] |= endpoint.methods
        _add(blueprint, endpoint.rule, _checked(endpoint), {endpoint.method}, endpoint.name)
    for rule, allowed in methods.items():
        _add(blueprint, rule, answer_options, {"OPTIONS"})
        if fallbacks and not _is_covered(rule, methods):
            _add(blueprint, rule, method_not_allowed, _METHODS - allowed)
    if fallbacks:
        _add(blueprint, "/", not_found, _METHODS)
        _add(blueprint, "/<path:unknown>", not_found, _METHODS)


def _checked(endpoint: Endpoint) -> Callable[..., Response]:
    """Return the view of an endpoint behind its checks: token, rate limit, path."""
    name, view, id_names = endpoint.name, endpoint.view, endpoint.id_names
    check = _CHECKS[endpoint.access]

    @wraps(view)
    def serve(**path: str) -> Response:
        check(name)
        g.progress_max_body = endpoint.max_body
        return view(**read_path(path, id_names))

    return serve


def _limit_address(name: str) -> None:
    enter().limits.hit(name, _ANONYMOUS.limit_key)


def _admit_learner(name: str) -> None:
    mounted = enter()
    caller = mounted.identity.identify()
    # Requests without a valid token are limited too, by address, before they are refused.
    mounted.limits.hit(name, caller.limit_key)
    g.progress_caller = caller.require_authenticated()


def _admit(role: Role) -> Callable[[str], None]:
    def admit(name: str) -> None:
        _admit_learner(name)
        if not g.progress_caller.has(role):
            needed = scopes_of(settings())[role]
            raise ScopeMissing(f"This request needs a token with the scope {needed}.")

    return admit


_ANONYMOUS = Anonymous(Unauthenticated())
_CHECKS = {
    Access.PUBLIC: _limit_address,
    Access.LEARNER: _admit_learner,
    Access.TEACHER: _admit(Role.TEACHER),
    Access.AUTHOR: _admit(Role.AUTHOR),
    Access.ADMIN: _admit(Role.ADMIN),
}


def answer_options(**_: str) -> Response:
    """Return the methods of the current request's address (spec 1.16)."""
    response = json_response({})
    response.allow.update(_allowed_methods())
    return response


def method_not_allowed(**_: str) -> Response:
    """Refuse a method that the current request's address does not take (spec 5.6)."""
    raise MethodNotAllowed(sorted(_allowed_methods()))


def not_found(**_: str) -> Response:
    """Refuse a path below the prefix that belongs to no endpoint (spec 5.6)."""
    raise NotFound


_FALLBACKS = frozenset({method_not_allowed.__name__, not_found.__name__})


def _is_covered(rule: str, rules: Iterable[str]) -> bool:
    """Return whether another rule takes the same path, as the value of a variable."""
    patterns = (re.sub(r"<\w+>", "[^/<]+", other) for other in rules if other != rule)
    return any(re.fullmatch(pattern, rule) for pattern in patterns)


def _add(
    blueprint: Blueprint,
    rule: str,
    view: Callable[..., Response],
    methods: Collection[str],
    name: str | None = None,
) -> None:
    blueprint.add_url_rule(
        rule,
        name,
        view,
        methods=methods,
        strict_slashes=rule != "/",  # the prefix without its slash is not redirected
        merge_slashes=False,
        provide_automatic_options=False,
    )


def _allowed_methods() -> set[str]:
    adapter = current_app.create_url_adapter(request)
    assert adapter
    return {method for method in _METHODS if _is_routed(adapter, method)}


def _is_routed(adapter: MapAdapter, method: str) -> bool:
    try:
        rule, _ = adapter.match(method=method, return_rule=True)
    except MethodNotAllowed:
        return False
    return rule.endpoint.rpartition(".")[2] not in _FALLBACKS
