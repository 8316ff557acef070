"""The page's own server: its files, the sign-in, and a policy that lets nothing else in."""

import time
from pathlib import Path

import jwt
from flask import Flask, Response, jsonify, send_from_directory

SITE = Path(__file__).parent / "site"
CLIENT = Path(__file__).resolve().parents[2] / "client" / "src"
LEARNER, NAME = "ada", "Ada Lovelace"
_TOKEN_SECONDS = 900


def create_app(service: str, secret: str) -> Flask:
    """Create the app.

    Args:
        service: the address of the progress service, with its prefix.
        secret: signs the learner's tokens; the service verifies them with the same one.
    """
    app = Flask(__name__, static_folder=None)
    origin = "/".join(service.split("/")[:3])
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"media-src 'self'; connect-src 'self' {origin}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )

    @app.get("/")
    def index() -> Response:
        return send_from_directory(SITE, "index.html")

    @app.get("/<path:name>")
    def file(name: str) -> Response:
        return send_from_directory(SITE, name)

    @app.get("/client/<name>")
    def client(name: str) -> Response:
        return send_from_directory(CLIENT, name)

    @app.get("/config.json")
    def config() -> Response:
        return jsonify(service=service, learner=LEARNER, name=NAME)

    @app.post("/sign-in")
    def sign_in() -> Response:
        # A real page would look at its session here, and at who has signed in.
        claims = {"sub": LEARNER, "exp": int(time.time()) + _TOKEN_SECONDS}
        return Response(jwt.encode(claims, secret, "HS256"), mimetype="text/plain")

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-cache"
        return response

    return app
