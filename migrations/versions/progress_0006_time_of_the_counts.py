"""Store the last chapter in a learner's row, and when its counts were made (spec 13.3)."""

import sqlalchemy as sa
from alembic import op

revision = "progress_0006"
down_revision = "progress_0005"
branch_labels = None
depends_on = None

_TIMES = ("counted_at", "outline_updated_at")


def upgrade() -> None:
    """Add the columns; they are NULL in the rows that exist, until the next write."""
    op.add_column("tutorial_progress", sa.Column("last_chapter_id", sa.String(255)))
    for name in _TIMES:
        op.add_column("tutorial_progress", sa.Column(name, sa.TIMESTAMP()))


def downgrade() -> None:
    """Drop the columns."""
    for name in ("last_chapter_id", *_TIMES):
        op.drop_column("tutorial_progress", name)
