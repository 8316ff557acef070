"""The statements about certificates, built once."""

from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    String,
    Update,
    Uuid,
    bindparam,
    cast,
    func,
    literal_column,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.sql.dml import ReturningInsert

from progress_api.database import Statement, Statements
from progress_api.schema.tables import certificates, tutorial_outlines, tutorial_progress
from progress_api.schema.times import if_true, utc_now

_stored = certificates.c
_ID = bindparam("of_certificate", type_=String)
_USER = bindparam("of_user", type_=String)
_TUTORIAL = bindparam("of_tutorial", type_=String)
_REASON = bindparam("reason", type_=String)
COLUMNS = (
    _stored.id,
    _stored.tutorial_id,
    _stored.user_id,
    _stored.title,
    _stored.holder_name,
    _stored.issued_at,
    _stored.credential_id,
    _stored.revoked_at,
    _stored.revocation_reason,
    _stored.history,
)


def _with_change(action: str, reason: Any) -> ColumnElement[Any]:
    """Return the history with one more change at its end."""
    change = func.jsonb_build_object(
        literal_column("'at'"),
        utc_now(),
        literal_column("'action'"),
        literal_column(f"'{action}'"),
        literal_column("'reason'"),
        reason,
    )
    return _stored.history.op("||")(func.jsonb_build_array(change))


def _change(action: str, *, is_due: ColumnElement[bool], **values: Any) -> Update:
    history = _with_change(action, values.get("revocation_reason", null()))
    changed = update(certificates).where(_stored.id == _ID, is_due)
    return changed.values(history=history, **values)


def _add(earned: Any, *conditions: ColumnElement[bool]) -> Insert:
    """Insert the certificate of an earned row, with the title that the tutorial has now."""
    title = select(tutorial_outlines.c.title).where(
        tutorial_outlines.c.tutorial_id == earned.tutorial_id
    )
    # A row by hand may have no time.
    now_if_unknown = if_true(earned.updated_at.is_(None), utc_now())
    values: dict[str, Any] = {
        "id": _ID,
        "tutorial_id": earned.tutorial_id,
        "user_id": _USER,
        "title": title.scalar_subquery(),
        "holder_name": bindparam("holder_name", type_=String),
        "credential_id": cast(bindparam("credential_id", type_=String), Uuid),
        "issued_at": func.greatest(earned.updated_at, now_if_unknown),
    }
    source = select(*values.values()).where(earned.certificate_earned, *conditions)
    return insert(certificates).from_select(list(values), source)


def issue(earned: CTE, asked: ColumnElement[bool]) -> CTE:
    """Issue the certificate of an earned row, or return the one that the learner has (spec 14.1).

    A name is kept from the first time that it is given (spec 14.2).

    Args:
        earned: at most one row with the columns `tutorial_id`, `certificate_earned` and
            `updated_at`, of the learner of the parameters.
        asked: whether the certificate is asked for.
    """
    added = _add(earned.c, asked)
    name = func.coalesce(_stored.holder_name, added.excluded.holder_name)
    issued = added.on_conflict_do_update(
        index_elements=[_stored.user_id, _stored.tutorial_id], set_={"holder_name": name}
    )
    return issued.returning(*COLUMNS).cte("issued")


def _issue_missing() -> ReturningInsert[Any]:
    progress = tutorial_progress.c
    of_learner = progress.tutorial_id == _TUTORIAL, progress.user_id == _USER
    return _add(progress, *of_learner).on_conflict_do_nothing().returning(_stored.id)


_revoke = _change(
    "revoked",
    is_due=_stored.revoked_at.is_(None),
    revoked_at=utc_now(),
    revocation_reason=_REASON,
)
_reinstate = _change(
    "reinstated",
    is_due=_stored.revoked_at.is_not(None),
    revoked_at=null(),
    revocation_reason=null(),
)
_find = select(*COLUMNS).where(_stored.id == _ID)

FIND_CERTIFICATE = Statements(Statement(_find))
GET_CERTIFICATE = Statements(
    Statement(
        select(*COLUMNS).where(
            _stored.user_id == _USER,
            _stored.tutorial_id == _TUTORIAL,
        )
    )
)
# Of a row that was earned without a certificate, by a version that issued none (spec 14.10).
ISSUE_MISSING = Statements(Statement(_issue_missing()))
# Each returns the certificate, or nothing if it is as it should be already.
REVOKE_CERTIFICATE = Statements(Statement(_revoke.returning(*COLUMNS)))
REINSTATE_CERTIFICATE = Statements(Statement(_reinstate.returning(*COLUMNS)))
