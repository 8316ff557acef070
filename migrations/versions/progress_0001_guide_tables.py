"""Create the initial tables (spec 8.1)."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "progress_0001"
down_revision = None
branch_labels = ("progress_api",)
depends_on = None

# Constraint names are PostgreSQL's defaults, spelled out with `op.f` so that a host's naming
# convention cannot change them.
_PERCENTAGE = "completion_percentage >= 0 AND completion_percentage <= 100"


def upgrade() -> None:
    """Create the three tables and their five indexes."""
    _tutorial_progress()
    _chapter_progress()
    _quiz_scores()


def downgrade() -> None:
    """Drop the three tables."""
    for table in ("quiz_scores", "chapter_progress", "tutorial_progress"):
        op.drop_table(table)


def _tutorial_progress() -> None:
    op.create_table(
        "tutorial_progress",
        *_id("tutorial_progress"),
        sa.Column("tutorial_id", sa.String(255), nullable=False),
        sa.Column("user_id", sa.String(255)),
        sa.Column(
            "completion_percentage",
            sa.Integer(),
            _check("tutorial_progress_completion_percentage", _PERCENTAGE),
            server_default=sa.text("0"),
        ),
        sa.Column("chapters_completed", sa.Integer(), server_default=sa.text("0")),
        sa.Column("total_chapters", sa.Integer(), server_default=sa.text("0")),
        sa.Column("certificate_eligible", sa.Boolean(), server_default=sa.text("false")),
        sa.Column("certificate_earned", sa.Boolean(), server_default=sa.text("false")),
        sa.Column("total_watch_time", sa.Integer(), server_default=sa.text("0")),
        sa.Column("last_watched_at", sa.TIMESTAMP()),
        *_times(),
        _unique("tutorial_progress", "tutorial_id", "user_id"),
    )
    last_watched = [sa.text("last_watched_at DESC")]
    op.create_index("idx_tutorial_progress_user_id", "tutorial_progress", ["user_id"])
    op.create_index("idx_tutorial_progress_tutorial_id", "tutorial_progress", ["tutorial_id"])
    op.create_index("idx_tutorial_progress_last_watched", "tutorial_progress", last_watched)


def _chapter_progress() -> None:
    op.create_table(
        "chapter_progress",
        *_id("chapter_progress"),
        *_progress_id("chapter_progress"),
        sa.Column("chapter_id", sa.String(255), nullable=False),
        sa.Column("watch_time", sa.Integer(), server_default=sa.text("0")),
        sa.Column("completed", sa.Boolean(), server_default=sa.text("false")),
        sa.Column("last_position", sa.Integer(), server_default=sa.text("0")),
        *_times(),
        _unique("chapter_progress", "progress_id", "chapter_id"),
    )
    op.create_index("idx_chapter_progress_progress_id", "chapter_progress", ["progress_id"])


def _quiz_scores() -> None:
    op.create_table(
        "quiz_scores",
        *_id("quiz_scores"),
        *_progress_id("quiz_scores"),
        sa.Column("quiz_id", sa.String(255), nullable=False),
        sa.Column(
            "score",
            sa.Integer(),
            _check("quiz_scores_score", "score >= 0"),
            nullable=False,
        ),
        sa.Column(
            "max_score",
            sa.Integer(),
            _check("quiz_scores_max_score", "max_score > 0"),
            nullable=False,
        ),
        sa.Column("passed", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("1")),
        _now("completed_at", nullable=False),
        *_times(),
        _unique("quiz_scores", "progress_id", "quiz_id"),
    )
    op.create_index("idx_quiz_scores_progress_id", "quiz_scores", ["progress_id"])


def _id(table: str) -> tuple[Any, ...]:
    generated = sa.text("gen_random_uuid()")
    column = sa.Column("id", sa.Uuid(), nullable=False, server_default=generated)
    return column, sa.PrimaryKeyConstraint("id", name=op.f(f"{table}_pkey"))


def _progress_id(table: str) -> tuple[Any, ...]:
    name = op.f(f"{table}_progress_id_fkey")
    key = sa.ForeignKeyConstraint(
        ["progress_id"], ["tutorial_progress.id"], name=name, ondelete="CASCADE"
    )
    return sa.Column("progress_id", sa.Uuid(), nullable=False), key


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=op.f(f"{table}_{'_'.join(columns)}_key"))


def _now(name: str, *, nullable: bool = True) -> sa.Column[Any]:
    return sa.Column(name, sa.TIMESTAMP(), nullable=nullable, server_default=sa.func.now())


def _times() -> tuple[sa.Column[Any], sa.Column[Any]]:
    return _now("created_at"), _now("updated_at")


def _check(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"{name}_check"))
