"""An app in which a block is run."""

import pytest
from flask import Flask
from sqlalchemy import Engine

from tests.client import SECRET
from tests.docs.embedding.hosts import Host


@pytest.fixture
def host(database: str, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Host:
    """An app without extensions, so that a block shows what it adds."""
    for name, value in {"DATABASE_URL": database, "JWT_SECRET_KEY": SECRET}.items():
        monkeypatch.setenv(name, value)
    app = Flask("host")
    app.config.update(SECRET_KEY=SECRET, JWT_SECRET_KEY=SECRET)
    return Host(app, database, engine)
