"""Remember what tells a repeated quiz post from a new attempt (contract, rules of progress)."""

import sqlalchemy as sa
from alembic import op

revision = "progress_0002"
down_revision = "progress_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; it goes with its quiz."""
    quiz = sa.ForeignKey("quiz_scores.id", ondelete="CASCADE")
    op.create_table(
        "quiz_attempt_keys",
        sa.Column("quiz_score_id", sa.Uuid(), quiz, primary_key=True),
        sa.Column("attempt_key", sa.Uuid(), primary_key=True),
    )


def downgrade() -> None:
    """Drop the table; a repeat of an earlier post counts again from here."""
    op.drop_table("quiz_attempt_keys")
