"""Our responses in a host that has its own response class, or refuses requests in its own words."""

from typing import Any

import pytest
from flask import Flask, Response
from sqlalchemy import Engine
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import HTTPException, ServiceUnavailable, TooManyRequests, Unauthorized

from progress_api import ProgressAPI
from tests.conftest import new_name
from tests.host.conftest import learner_of


class HostsResponse(Response):
    """A host's own class of responses, with a header of its own."""

    def get_wsgi_headers(self, environ: Any) -> Any:
        headers = super().get_wsgi_headers(environ)
        headers["X-Host"] = "its own"
        return headers


def test_a_host_with_its_own_response_class_gets_responses_of_it(
    host: Flask, shared_engine: Engine
) -> None:
    host.response_class = HostsResponse
    ProgressAPI(host, engine=shared_engine, learner=new_name)

    answer = learner_of(host).send("PUT")

    assert answer.headers["X-Host"] == "its own"
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS"


REFUSALS: dict[str, tuple[HTTPException, str, str]] = {
    "401": (Unauthorized(), "WWW-Authenticate", "Bearer"),
    "401 in its own way": (
        Unauthorized(www_authenticate=WWWAuthenticate("digest")),
        "WWW-Authenticate",
        "Digest",
    ),
    "429": (TooManyRequests(), "Retry-After", "1"),
    "429 for long": (TooManyRequests(retry_after=30), "Retry-After", "30"),
    "503": (ServiceUnavailable(), "Retry-After", "1"),
    "503 for long": (ServiceUnavailable(retry_after=600), "Retry-After", "600"),
}


@pytest.mark.parametrize(("error", "name", "value"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_of_the_hosts_says_in_its_header_what_a_client_is_to_do(
    host: Flask, shared_engine: Engine, error: HTTPException, name: str, value: str
) -> None:
    @host.before_request
    def refuse() -> None:
        raise error

    ProgressAPI(host, engine=shared_engine, learner=new_name)

    answer = learner_of(host).get()

    assert answer.status == error.code
    assert answer.headers[name].strip() == value
