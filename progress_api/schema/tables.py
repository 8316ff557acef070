"""Define the tables (spec 8.1, 8.3), with PostgreSQL's default names for constraints."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    JSON,
    TIMESTAMP,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

# PostgreSQL's default names, so that tables created by hand are equal to migrated ones.
metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)


def _id() -> Column[UUID]:
    return Column("id", Uuid(), primary_key=True, server_default=text("gen_random_uuid()"))


def _progress_id() -> Column[UUID]:
    progress = ForeignKey("tutorial_progress.id", ondelete="CASCADE")
    return Column("progress_id", Uuid(), progress, nullable=False)


def _user_id() -> Column[str]:
    # Repeated in each table, so that every statement reaches the rows of one learner only.
    return Column("user_id", String(255))


def _time(name: str) -> Column[datetime]:
    # Without a time zone; the service writes UTC (spec 8.5).
    return Column(name, TIMESTAMP(), server_default=func.now())


tutorial_progress = Table(
    "tutorial_progress",
    metadata,
    _id(),
    Column("tutorial_id", String(255), nullable=False),
    Column("user_id", String(255)),
    Column("completion_percentage", Integer, server_default=text("0")),
    Column("chapters_completed", Integer, server_default=text("0")),
    Column("total_chapters", Integer, server_default=text("0")),
    Column("certificate_eligible", Boolean, server_default=text("false")),
    Column("certificate_earned", Boolean, server_default=text("false")),
    Column("total_watch_time", Integer, server_default=text("0")),
    Column("last_watched_at", TIMESTAMP()),
    _time("created_at"),
    _time("updated_at"),
    # Migration 6: the chapter that was recorded last, and when these and the counts were made: the
    # `updated_at` of this row, and that of the outline (spec 13.3).
    Column("last_chapter_id", String(255)),
    Column("counted_at", TIMESTAMP()),
    Column("outline_updated_at", TIMESTAMP()),
    CheckConstraint(
        "completion_percentage >= 0 AND completion_percentage <= 100",
        name="completion_percentage",
    ),
    UniqueConstraint("tutorial_id", "user_id"),
    Index("idx_tutorial_progress_user_id", "user_id"),
    Index("idx_tutorial_progress_tutorial_id", "tutorial_id"),
    Index("idx_tutorial_progress_last_watched", text("last_watched_at DESC")),
    # Migration 4: the pages of a learner's tutorials (spec 11.4).
    Index(
        "idx_tutorial_progress_pages",
        "user_id",
        text("COALESCE(last_watched_at, '-infinity'::timestamp without time zone) DESC"),
        "tutorial_id",
    ),
)

chapter_progress = Table(
    "chapter_progress",
    metadata,
    _id(),
    _progress_id(),
    Column("chapter_id", String(255), nullable=False),
    Column("watch_time", Integer, server_default=text("0")),
    Column("completed", Boolean, server_default=text("false")),
    Column("last_position", Integer, server_default=text("0")),
    _time("created_at"),
    _time("updated_at"),
    # Migration 4. `recorded_at` is when the player was at `last_position`; NULL means `updated_at`.
    _user_id(),
    Column("recorded_at", TIMESTAMP()),
    # When `completed` was last given; '-infinity' if never. NULL means `updated_at`.
    Column("completed_recorded_at", TIMESTAMP()),
    UniqueConstraint("progress_id", "chapter_id"),
    Index("idx_chapter_progress_progress_id", "progress_id"),
)

quiz_scores = Table(
    "quiz_scores",
    metadata,
    _id(),
    _progress_id(),
    Column("quiz_id", String(255), nullable=False),
    Column("score", Integer, nullable=False),
    Column("max_score", Integer, nullable=False),
    Column("passed", Boolean, nullable=False, server_default=text("false")),
    Column("attempts", Integer, server_default=text("1")),
    Column("completed_at", TIMESTAMP(), nullable=False, server_default=func.now()),
    _time("created_at"),
    _time("updated_at"),
    _user_id(),  # migration 4
    CheckConstraint("score >= 0", name="score"),
    CheckConstraint("max_score > 0", name="max_score"),
    UniqueConstraint("progress_id", "quiz_id"),
    Index("idx_quiz_scores_progress_id", "progress_id"),
)

# Migration 2: keys that identify repeated quiz posts (spec 2.15, 2.16).
quiz_attempt_keys = Table(
    "quiz_attempt_keys",
    metadata,
    Column("quiz_score_id", Uuid(), ForeignKey("quiz_scores.id", ondelete="CASCADE")),
    Column("attempt_key", Uuid()),
    _user_id(),  # migration 4
    PrimaryKeyConstraint("quiz_score_id", "attempt_key"),
)

# Migration 5: what a tutorial consists of (spec 13.1).
tutorial_outlines = Table(
    "tutorial_outlines",
    metadata,
    Column("tutorial_id", String(255), primary_key=True),
    Column("title", String(500)),
    # NULL, as all that follows, if the outline was removed.
    Column("chapter_ids", ARRAY(String(255))),
    Column("quiz_ids", ARRAY(String(255))),
    # Titles and durations, in the order of the ids.
    Column("details", JSON),
    Column("certificate_percentage", Integer),
    Column("updated_at", TIMESTAMP(), nullable=False),
)

# Migration 5: certificates (spec 14.1). They outlive the progress that earned them.
certificates = Table(
    "tutorial_certificates",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("tutorial_id", String(255), nullable=False),
    Column("user_id", String(255), nullable=False),
    Column("title", String(500)),
    Column("holder_name", String(255)),
    Column("credential_id", Uuid(), nullable=False),
    Column("issued_at", TIMESTAMP(), nullable=False),
    Column("revoked_at", TIMESTAMP()),
    Column("revocation_reason", String(500)),
    # Each revocation and reinstatement, in order.
    Column("history", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    UniqueConstraint("user_id", "tutorial_id"),
)

# Privileges that the service needs. Cascading deletes run as the owner of the tables.
PRIVILEGES = {
    "tutorial_progress": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "chapter_progress": ("SELECT", "INSERT", "UPDATE"),
    "quiz_scores": ("SELECT", "INSERT", "UPDATE"),
    "quiz_attempt_keys": ("SELECT", "INSERT"),
    "tutorial_certificates": ("SELECT", "INSERT", "UPDATE"),
    "tutorial_outlines": ("SELECT", "INSERT", "UPDATE"),
}
