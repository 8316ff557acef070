"""Store with which outline the counts of a learner's row were made (spec 13.3)."""

import sqlalchemy as sa
from alembic import op

revision = "progress_0006"
down_revision = "progress_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; it is NULL in the rows that exist, as without an outline."""
    op.add_column("tutorial_progress", sa.Column("outline_updated_at", sa.TIMESTAMP()))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("tutorial_progress", "outline_updated_at")
