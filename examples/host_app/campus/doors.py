"""Who may come in: sessions, tokens, limits, and no page of another site."""

import secrets
from typing import Any
from urllib.parse import urlsplit

from flask import abort, request
from flask_jwt_extended import JWTManager
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager, current_user
from sqlalchemy import select
from werkzeug.security import check_password_hash, generate_password_hash

from campus.models import RevokedToken, User, db

login = LoginManager()
login.login_view = "pages.sign_in"
jwt = JWTManager()
limiter = Limiter(get_remote_address, default_limits=["300/minute"], storage_uri="memory://")
_NOBODYS_HASH = generate_password_hash(secrets.token_urlsafe())


def refuse_other_sites() -> None:
    """Let no other site's page change anything with a learner's cookie.

    SameSite=Lax keeps the cookie from other sites, but not from other origins of the same one.
    """
    origin = request.headers.get("Origin")
    changes = request.method not in {"GET", "HEAD", "OPTIONS"}
    if changes and origin and urlsplit(origin).netloc != request.host:
        abort(403, "This request comes from another site.")


def refuse_own_grades() -> None:
    """Let no learner grade their own exam: the school records quizzes itself, in `sit_exam`.

    A quiz may be among events too, which the school's pages never send.
    """
    if request.endpoint and request.endpoint.rpartition(".")[2] in {"quiz", "events"}:
        abort(403, "The school grades its exams itself.")


def signed_in() -> int | None:
    """Return the id of who is signed in: the learner, as tutorial progress asks for it."""
    return current_user.id if current_user.is_authenticated else None


def with_password(name: str, password: str) -> User | None:
    """Return whose name and password this is; an unknown name takes as long as a known one."""
    user = db.session.scalar(select(User).where(User.name == name))
    is_right = check_password_hash(user.password_hash if user else _NOBODYS_HASH, password)
    return user if is_right else None


def _user(user_id: str) -> User | None:
    return db.session.get(User, int(user_id))


def _is_revoked(_: object, claims: dict[str, Any]) -> bool:
    return db.session.get(RevokedToken, claims["jti"]) is not None


login.user_loader(_user)
jwt.token_in_blocklist_loader(_is_revoked)
