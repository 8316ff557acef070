"""A body that a host has read before us is used where the host kept it, and refused where not."""

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

from progress_api import ProgressAPI, Settings
from tests.client import JSON, PREFIX, Learner, token
from tests.conftest import MakeLearner

Serve = Callable[[Callable[[], None]], FlaskClient]
ENDED_BY_SERVER = {"wsgi.input_terminated": True}
NO_LENGTH = "tests.no_length"
HTTP2 = {"SERVER_PROTOCOL": "HTTP/2", NO_LENGTH: True}
CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked", NO_LENGTH: True}
WITHOUT_LENGTH: dict[str, dict[str, Any]] = {
    "in chunks": CHUNKED | ENDED_BY_SERVER,
    "over HTTP/2": HTTP2 | ENDED_BY_SERVER,
    "over HTTP/2, by a server that does not say that it ends the body": HTTP2,
}
ANNOUNCED: dict[str, dict[str, Any]] = {
    "with a length": {},
    "with a length, by a server that ends the body itself": ENDED_BY_SERVER,
    **WITHOUT_LENGTH,
}


def read_stream() -> None:
    request.stream.read()


def read_without_caching() -> None:
    request.get_data(cache=False)


def read_a_part() -> None:
    request.stream.read(5)


def read_what_the_server_sends() -> None:
    request.environ["wsgi.input"].read(int(request.environ.get("CONTENT_LENGTH") or 100))


def read_with_caching() -> None:
    request.get_data()


def read_json() -> None:
    request.get_json()


def look_for_a_form() -> None:
    assert not request.form


LOSING = [read_stream, read_without_caching, read_a_part, read_what_the_server_sends]
KEEPING = [read_with_caching, read_json, look_for_a_form]
each_way = pytest.mark.parametrize("announced", ANNOUNCED.values(), ids=ANNOUNCED.keys())


def do_not_read() -> None:
    """Leave the body to us."""


@pytest.fixture
def both(make_learner: MakeLearner) -> list[Learner]:
    """A learner and an admin, each with progress, as the service on its own sees them."""
    both = [make_learner(), make_learner()]
    assert {one.watch(seconds=9).status for one in both} == {200}
    return both


@pytest.fixture
def serve(host: Flask, guest_settings: Settings) -> Serve:
    """Serve progress in a host with a hook that reads each request's body before us."""

    def serve(read: Callable[[], None]) -> FlaskClient:
        host.before_request(read)
        ProgressAPI(host, settings=guest_settings)
        inner = host.wsgi_app

        def drop_length(environ: dict[str, Any], start_response: Any) -> Any:
            if NO_LENGTH in environ:  # the test client always sends one
                environ.pop("CONTENT_LENGTH", None)
            return inner(environ, start_response)

        host.wsgi_app = drop_length  # type: ignore[method-assign]
        return host.test_client()

    return serve


def reset_learner_as_admin(
    client: FlaskClient, both: list[Learner], environ: dict[str, Any]
) -> tuple[int, str | None]:
    """Send the admin's DELETE with the learner's id in its body; return status and error."""
    learner, admin = both
    signed = token(admin.name, scope="progress:admin")
    body = json.dumps({"userId": learner.name}).encode()
    answer = client.delete(
        f"{PREFIX}/intro",
        headers=JSON | {"Authorization": f"Bearer {signed}"},
        input_stream=BytesIO(body),
        environ_overrides=environ,
    )
    return answer.status_code, answer.get_json().get("error")


def watched(both: list[Learner]) -> list[int]:
    return [one.progress()["totalWatchTime"] for one in both]


@each_way
@pytest.mark.parametrize("read", LOSING)
def test_a_body_that_the_host_has_read_and_not_kept_is_refused_and_resets_nobody(
    serve: Serve, both: list[Learner], read: Callable[[], None], announced: dict[str, Any]
) -> None:
    refused = reset_learner_as_admin(serve(read), both, announced)

    assert refused[0] == 400
    assert watched(both) == [9, 9]


@each_way
@pytest.mark.parametrize("read", [do_not_read, *KEEPING])
def test_a_body_that_the_host_has_read_and_kept_is_used(
    serve: Serve, both: list[Learner], read: Callable[[], None], announced: dict[str, Any]
) -> None:
    done = reset_learner_as_admin(serve(read), both, announced)

    assert done == (200, None)
    assert watched(both) == [0, 9]


@pytest.mark.parametrize("read", [*LOSING, read_with_caching])
def test_where_no_body_is_announced_it_does_not_matter_who_has_read(
    serve: Serve, both: list[Learner], read: Callable[[], None]
) -> None:
    headers = JSON | {"Authorization": f"Bearer {token(both[0].name)}"}

    answer = serve(read).delete(f"{PREFIX}/intro", headers=headers)

    assert answer.status_code == 200
    assert watched(both) == [0, 9]


@pytest.mark.parametrize("environ", WITHOUT_LENGTH.values(), ids=WITHOUT_LENGTH.keys())
@pytest.mark.parametrize("read", [do_not_read, *LOSING, *KEEPING[:1]])
def test_a_body_that_turns_out_to_be_empty_is_no_body(
    serve: Serve, both: list[Learner], read: Callable[[], None], environ: dict[str, Any]
) -> None:
    headers = {"Authorization": f"Bearer {token(both[0].name)}"}

    answer = serve(read).delete(
        f"{PREFIX}/intro", headers=headers, input_stream=BytesIO(), environ_overrides=environ
    )

    assert answer.status_code == 200
    assert watched(both) == [0, 9]


def test_chunks_are_refused_where_the_server_does_not_end_the_body(
    serve: Serve, both: list[Learner]
) -> None:
    refused = reset_learner_as_admin(serve(do_not_read), both, CHUNKED)

    assert refused == (400, "Incomplete request body")
    assert watched(both) == [9, 9]


@pytest.mark.parametrize("environ", [CHUNKED | ENDED_BY_SERVER, HTTP2 | ENDED_BY_SERVER])
def test_a_body_that_is_kept_before_the_request_is_routed_is_used(
    host: Flask, serve: Serve, both: list[Learner], environ: dict[str, Any]
) -> None:
    host.url_value_preprocessor(lambda *_: read_with_caching())

    done = reset_learner_as_admin(serve(do_not_read), both, environ)

    assert done == (200, None)
    assert watched(both) == [0, 9]
