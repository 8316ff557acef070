"""Store keys that identify repeated quiz posts (spec 2.15, 2.16)."""

import sqlalchemy as sa
from alembic import op

revision = "progress_0002"
down_revision = "progress_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; its rows are deleted with their quiz."""
    op.create_table(
        "quiz_attempt_keys",
        sa.Column("quiz_score_id", sa.Uuid(), nullable=False),
        sa.Column("attempt_key", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint(
            "quiz_score_id", "attempt_key", name=op.f("quiz_attempt_keys_pkey")
        ),
        sa.ForeignKeyConstraint(
            ["quiz_score_id"],
            ["quiz_scores.id"],
            name=op.f("quiz_attempt_keys_quiz_score_id_fkey"),
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    """Drop the table; repeats of earlier posts then count as new attempts."""
    op.drop_table("quiz_attempt_keys")
