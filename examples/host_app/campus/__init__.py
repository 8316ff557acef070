"""A school's own app, and tutorial progress as a guest in it."""

import os
import secrets
from pathlib import Path

from flask import Flask
from prometheus_flask_exporter import PrometheusMetrics

from campus import api, demo, pages
from campus.doors import jwt, limiter, login, refuse_other_sites
from campus.learning import progress, progress_by_token
from campus.models import db


def create_app() -> Flask:
    """Make the app; it needs a DATABASE_URL, and keeps its secrets in its instance folder."""
    app = Flask(__name__)
    url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg2://", 1)
    app.config.update(
        SQLALCHEMY_DATABASE_URI=url,
        SECRET_KEY=_secret(app, "session"),
        SESSION_COOKIE_SAMESITE="Lax",
        JWT_SECRET_KEY=_secret(app, "tokens"),
        JWT_IDENTITY_CLAIM="learner",
    )
    for extension in (db, login, jwt, limiter):
        extension.init_app(app)
    PrometheusMetrics(app, group_by="endpoint")
    app.before_request(refuse_other_sites)
    app.register_blueprint(pages.pages)
    app.register_blueprint(api.api)
    app.cli.add_command(demo.demo)
    progress.init_app(app)
    progress_by_token.init_app(app)
    return app


def _secret(app: Flask, name: str) -> str:
    """Return a secret that was made at the first start."""
    path = Path(app.instance_path, name)
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)  # before the secret is in it
        fresh.write_text(secrets.token_urlsafe(48))
        fresh.rename(path)
    return path.read_text()
