"""Start the demo: PostgreSQL, Valkey, the service on one origin and the page on another."""

import json
import os
import secrets
import signal
import sys
import time
from pathlib import Path

import jwt
import requests
from pages import SITE, create_app
from sqlalchemy import NullPool, create_engine
from werkzeug.serving import make_server

from embedded import Postgres, StartFailed, Valkey
from embedded.gunicorn import Gunicorn
from embedded.local import LOCAL
from progress_api.schema.migrate import upgrade

DATA = Path(os.environ.get("DATA", LOCAL / "demo"))
PREFIX = "/v1/tutorials/progress"
HOST = "127.0.0.1"


def main() -> None:
    """Serve until Ctrl-C; what the demo learner did is kept in .local/demo."""
    port = int(os.environ.get("PORT", "8080"))
    page, service = f"http://{HOST}:{port}", f"http://{HOST}:{port + 1}"
    secret = secrets.token_urlsafe(48)
    DATA.mkdir(mode=0o700, parents=True, exist_ok=True)
    with Postgres(DATA / "postgres", durable=True) as postgres, Valkey(DATA / "valkey") as valkey:
        upgrade(create_engine(postgres.url(), poolclass=NullPool))
        settings = {
            "DATABASE_URL": postgres.url(),
            "RATELIMIT_STORAGE_URI": valkey.url,
            "JWT_SECRET_KEY": secret,
            "CORS_ORIGINS": page,
            "PUBLIC_URL": service,
            "PORT": port + 1,
        }
        with Gunicorn(settings, log=DATA / "service.log"):
            write_outlines(service + PREFIX, secret)
            server = make_server(HOST, port, create_app(service + PREFIX, secret), threaded=True)
            print(f"The demo: {page} and its service: {service}. Ctrl-C stops it.", flush=True)
            server.serve_forever()


def write_outlines(address: str, secret: str) -> None:
    """Tell the service which chapters and quizzes each course has, as an author does."""
    claims = {"sub": "author", "scope": "progress:author", "exp": int(time.time()) + 60}
    headers = {"Authorization": f"Bearer {jwt.encode(claims, secret, 'HS256')}"}
    for course in json.loads(Path(SITE, "courses.json").read_text()):
        outline = {key: course[key] for key in ("title", "chapters", "quizzes")}
        url = f"{address}/{course['tutorialId']}/outline"
        requests.put(url, json=outline, headers=headers, timeout=10).raise_for_status()


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        main()
    except KeyboardInterrupt:
        pass
    except StartFailed as error:
        sys.exit(str(error))
