"""A body that the headers announce is read whole as plain JSON, or the request is refused."""

import gzip
from io import BytesIO
from typing import Any

import pytest
from flask import Flask

from tests.client import JSON, PREFIX, Learner, token
from tests.endpoints.expectations import (
    ENDPOINTS,
    WITH_A_BODY,
    assert_refused,
    nothing_changes,
    written,
)

GZIP = "Send the body without compression, with no header Content-Encoding."
INCOMPLETE = "The request body ended before what its headers announce; send all of it again."
READERS = [ENDPOINTS[name] for name in WITH_A_BODY]


def send_part(
    service: Flask, learner: Learner, endpoint: str, body: bytes, environ: dict[str, Any]
) -> tuple[int, Any]:
    """Send a body to a server that ends what the application reads where the client has ended."""
    method, path, _ = ENDPOINTS[endpoint]
    answer = service.test_client().open(
        f"{PREFIX}/intro{path}",
        method=method,
        headers=JSON | {"Authorization": f"Bearer {token(learner.name)}"},
        input_stream=BytesIO(body),
        environ_overrides={"wsgi.input_terminated": True} | environ,
    )
    body_of_answer: Any = answer.get_json()
    return answer.status_code, body_of_answer.get("detail")


@pytest.mark.parametrize("encoding", ["gzip", "GZip", "deflate", "br", "zstd", "identity, gzip"])
def test_a_compressed_body_is_refused_with_a_sentence_about_compression(
    busy: Learner, encoding: str
) -> None:
    with nothing_changes(busy):
        for method, path, usual in READERS:
            body = gzip.compress(written(usual))
            answer = busy.send(method, path, body, {"Content-Encoding": encoding})
            assert_refused(answer, 415, "Unsupported media type", GZIP)
            assert answer.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("encoding", ["identity", "Identity", "", " "])
def test_a_body_that_is_sent_as_it_is_may_say_so(learner: Learner, encoding: str) -> None:
    body = written(ENDPOINTS["chapter"].body)
    assert learner.send("POST", "/chapter", body, {"Content-Encoding": encoding}).status == 200


def test_where_there_is_no_body_its_encoding_does_not_matter(learner: Learner) -> None:
    assert learner.send("DELETE", headers={"Content-Encoding": "gzip"}).status == 200


@pytest.mark.parametrize("endpoint", WITH_A_BODY)
def test_a_body_of_which_a_part_is_missing_is_refused_even_where_the_rest_is_an_object(
    service: Flask, busy: Learner, endpoint: str
) -> None:
    body = written(ENDPOINTS[endpoint].body)
    with nothing_changes(busy):
        for rest in (body, b""):
            length = {"CONTENT_LENGTH": str(len(body) + 1)}
            response = send_part(service, busy, endpoint, rest, length)
            assert response == (400, INCOMPLETE)


def test_a_server_may_read_more_than_was_announced(service: Flask, learner: Learner) -> None:
    # As behind a middleware that decompresses bodies and leaves their length as it was.
    length = {"CONTENT_LENGTH": "7"}
    body = written(ENDPOINTS["chapter"].body)
    assert send_part(service, learner, "chapter", body, length) == (200, None)
