"""Store what tutorials consist of, and certificates (spec 13.1, 14.1)."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "progress_0005"
down_revision = "progress_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables."""
    _tutorial_outlines()
    _tutorial_certificates()


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
