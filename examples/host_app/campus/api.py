"""The school's API: tokens for its mobile app."""

from typing import Any

from flask import Blueprint, abort, request
from flask_jwt_extended import create_access_token, get_jwt, jwt_required

from campus.doors import limiter, with_password
from campus.models import RevokedToken, db

api = Blueprint("api", __name__, url_prefix="/api")


@api.post("/token")
@limiter.limit("10/minute")
def issue() -> dict[str, str]:
    """Give a token for a name and a password."""
    sent: dict[str, Any] = request.get_json()
    user = with_password(str(sent.get("name")), str(sent.get("password")))
    if user is None:
        abort(401)
    return {"token": create_access_token(str(user.id), additional_claims={"name": user.name})}


@api.delete("/token")
@jwt_required()
def revoke() -> dict[str, bool]:
    """Take a token back."""
    db.session.merge(RevokedToken(jti=get_jwt()["jti"]))
    db.session.commit()
    return {"revoked": True}
