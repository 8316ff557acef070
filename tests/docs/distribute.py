"""Write docs/distribute.sql: `python -m tests.docs.distribute > docs/distribute.sql`."""

import sys
from textwrap import wrap

from progress_api.schema.distribution import script

_HEAD = """\
What `progress-api distribute` runs on a Citus coordinator, in one transaction. Written by \
`python -m tests.docs.distribute`; a test compares it with the code. \
What it does and costs is in scaling.md. Run the command where you can: it first checks what this \
file takes for granted, and ends the transaction if it takes longer than it may."""


def document() -> str:
    """Return the text of docs/distribute.sql."""
    head = wrap(_HEAD, 100, initial_indent="-- ", subsequent_indent="-- ")
    return "\n".join([*head, "", script()])


if __name__ == "__main__":
    sys.stdout.write(document())
