"""What a database must have before its tables are distributed (spec 17.4)."""

from typing import Any

from sqlalchemy import Connection, String, column, func, literal_column, select, table

from progress_api.exceptions import DatabaseNotMigrated, MigrationFailed, SchemaDiffers
from progress_api.schema import keys
from progress_api.schema.migrate import current_revision, head
from progress_api.schema.tables import chapter_progress, tutorial_progress
from progress_api.schema.times import utc_now

_AN_HOUR: Any = literal_column("interval '1 hour'")
_LOCAL_GROUP = table("pg_dist_local_group", column("groupid"))
_PARTITION = table("pg_dist_partition", column("logicalrelid"), column("partmethod", String))
_BY_HASH: Any = literal_column("'h'")  # not a local or reference table, which Citus lists too


def require_citus(connection: Connection) -> None:
    """Reject a database without Citus, and a worker of Citus.

    Args:
        connection: with any search path.

    Raises:
        MigrationFailed: Citus is not there, or this is not the coordinator.
    """
    exists = select(func.to_regclass(_LOCAL_GROUP.name).is_not(None))
    if not connection.scalar(exists):
        raise MigrationFailed(
            "Citus is not installed in this database, which is needed to distribute its tables: "
            "CREATE EXTENSION citus, on the coordinator."
        )
    if connection.scalar(select(_LOCAL_GROUP.c.groupid)) != 0:
        raise MigrationFailed(
            "This server is a worker of Citus: give the address of the coordinator."
        )


def require_newest_schema(connection: Connection) -> None:
    """Reject a database that is not at the newest revision, or has other keys.

    Args:
        connection: outside a transaction.

    Raises:
        DatabaseNotMigrated: its revision is another one.
        SchemaDiffers: a key is in neither form.
    """
    if current_revision(connection) != head():
        raise DatabaseNotMigrated
    if differences := keys.differences(connection):
        raise SchemaDiffers(f"The keys of the tables differ. {'; '.join(differences)}.")


def is_distributed(connection: Connection) -> bool:
    """Return whether Citus distributes the tables.

    Args:
        connection: outside a transaction before and after.

    Raises:
        SchemaDiffers: it distributes only some of them.
    """
    oids, listed = [func.to_regclass(one.name) for one in keys.BY_LEARNER], _PARTITION.c
    is_own = listed.logicalrelid.in_(oids), listed.partmethod == _BY_HASH
    number = connection.scalar(select(func.count()).select_from(_PARTITION).where(*is_own))
    connection.rollback()
    if number and number < len(oids):
        raise SchemaDiffers(
            f"Citus distributes {number} of {len(oids)} tables: undistribute_table() them first."
        )
    return bool(number)


def require_learners(connection: Connection) -> None:
    """Reject rows without a learner: they belong to no machine.

    Args:
        connection: with the tables in its search path.

    Raises:
        MigrationFailed: there is such a row.
    """
    for one in keys.BY_LEARNER:
        nobody = select(one).where(one.c[keys.LEARNER].is_(None)).exists()
        if connection.scalar(select(nobody)):
            raise MigrationFailed(
                f"A row of {one.name} has no user_id, by which it would be distributed: an earlier "
                "version of the service still writes, or the row was written by hand. End that "
                "version, and give the row its learner, or delete it."
            )


def require_newest_writers(connection: Connection) -> None:
    """Reject if a version without `recorded_at` has recorded a chapter within the last hour.

    The trigger of migration 4 fills `user_id` for such a version, so its rows are known by the
    column that no trigger fills. The index on `last_watched_at` finds the tutorials.

    Args:
        connection: with the tables in its search path.

    Raises:
        MigrationFailed: such a version recorded one.
    """
    progress, chapters, since = tutorial_progress.c, chapter_progress.c, utc_now() - _AN_HOUR
    late = (
        select(chapters.id)
        .where(
            progress.last_watched_at > since,
            chapters.progress_id == progress.id,
            chapters.updated_at > since,
            chapters.recorded_at.is_(None),
        )
        .exists()
    )
    if connection.scalar(select(late)):
        raise MigrationFailed(
            "A version of the service before progress_0004 has recorded a chapter within the last "
            "hour, and fails on distributed tables: end it everywhere, and wait an hour."
        )
