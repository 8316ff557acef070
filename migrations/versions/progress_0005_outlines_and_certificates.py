"""Store what tutorials consist of, and certificates (spec 13.1, 14.1).

Certificates that were earned before are issued, 1,000 at a time. All of it is one transaction,
which holds up nobody: it only reads the tables that others write to.
"""

from uuid import UUID, uuid4

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from progress_api.certificates.ids import new_id

revision = "progress_0005"
down_revision = "progress_0004"
branch_labels = None
depends_on = None

_BATCH = 1000


def upgrade() -> None:
    """Create both tables, and issue the certificates that were earned before."""
    _tutorial_outlines()
    _tutorial_certificates()
    # SQL to be run later cannot hold random ids. Such a certificate is issued when the learner's
    # tutorial is completed again.
    if not op.get_context().as_sql:
        _issue_earned()


def downgrade() -> None:
    """Drop both tables, with all certificates."""
    op.drop_table("tutorial_certificates")
    op.drop_table("tutorial_outlines")


def _tutorial_outlines() -> None:
    op.create_table(
        "tutorial_outlines",
        sa.Column("tutorial_id", sa.String(255), nullable=False),
        sa.Column("title", sa.String(500)),
        sa.Column("chapter_ids", sa.ARRAY(sa.String(255))),
        sa.Column("quiz_ids", sa.ARRAY(sa.String(255))),
        sa.Column("details", sa.JSON()),
        sa.Column("certificate_percentage", sa.Integer()),
        sa.Column("updated_at", sa.TIMESTAMP(), nullable=False),
        sa.PrimaryKeyConstraint("tutorial_id", name=op.f("tutorial_outlines_pkey")),
    )


def _tutorial_certificates() -> None:
    op.create_table(
        "tutorial_certificates",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("tutorial_id", sa.String(255), nullable=False),
        sa.Column("user_id", sa.String(255), nullable=False),
        sa.Column("title", sa.String(500)),
        sa.Column("holder_name", sa.String(255)),
        sa.Column("credential_id", sa.Uuid(), nullable=False),
        sa.Column("issued_at", sa.TIMESTAMP(), nullable=False),
        sa.Column("revoked_at", sa.TIMESTAMP()),
        sa.Column("revocation_reason", sa.String(500)),
        sa.Column("history", JSONB(), nullable=False, server_default=sa.text("'[]'::jsonb")),
        sa.PrimaryKeyConstraint("id", name=op.f("tutorial_certificates_pkey")),
        sa.UniqueConstraint(
            "user_id", "tutorial_id", name=op.f("tutorial_certificates_user_id_tutorial_id_key")
        ),
    )


def _issue_earned() -> None:
    columns = ("id", "tutorial_id", "user_id", "updated_at", "created_at", "certificate_earned")
    earned = sa.table("tutorial_progress", *map(sa.column, columns))
    # Without a time zone: else all of them would be read as times of the server's zone.
    now = sa.func.timezone("UTC", sa.func.now())
    issued_at = sa.func.coalesce(earned.c.updated_at, earned.c.created_at, now)
    batch = (
        sa.select(earned.c.id, earned.c.tutorial_id, earned.c.user_id, issued_at.label("issued_at"))
        .where(
            earned.c.certificate_earned,
            earned.c.user_id.is_not(None),
            earned.c.id > sa.bindparam("last", type_=sa.Uuid()),
        )
        .order_by(earned.c.id)
        .limit(_BATCH)
    )
    last = UUID(int=0)
    while rows := op.get_bind().execute(batch, {"last": last}).all():
        op.bulk_insert(_CERTIFICATES, [_certificate(*row) for row in rows])
        last = UUID(str(rows[-1].id))


def _certificate(_: object, tutorial_id: str, user_id: str, issued_at: object) -> dict[str, object]:
    return {
        "id": new_id(),
        "tutorial_id": tutorial_id,
        "user_id": user_id,
        "credential_id": uuid4(),
        "issued_at": issued_at,
    }


_CERTIFICATES = sa.table(
    "tutorial_certificates",
    *map(sa.column, ("id", "tutorial_id", "user_id")),
    sa.column("credential_id", sa.Uuid()),
    sa.column("issued_at", sa.TIMESTAMP()),
)
