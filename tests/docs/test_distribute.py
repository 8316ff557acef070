"""docs/distribute.sql is what the command runs."""

from pathlib import Path

from tests.docs.distribute import document


def test_the_published_sql_is_that_of_the_command(root: Path) -> None:
    published = (root / "docs" / "distribute.sql").read_text()

    assert published == document(), "run python -m tests.docs.distribute > docs/distribute.sql"
