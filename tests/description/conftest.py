"""The document as a client gets it."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.client import PREFIX, InProcess

Describe = Callable[..., Any]


@pytest.fixture(scope="session")
def describe(service: Flask) -> Describe:
    """Get the document of an app, of the shared service where none is given."""

    def get(app: Flask | None = None, prefix: str = PREFIX) -> Any:
        answer = InProcess(app or service).send("GET", f"{prefix}/openapi.json", {}, None)
        assert answer.status == 200, answer
        return answer.body

    return get
