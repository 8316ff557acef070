"""Run a command beside a service of its own: `python -m tests.with_service COMMAND…`.

The command finds the service's address as PROGRESS_URL, and signs tokens with PROGRESS_SECRET.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import NullPool, create_engine

from embedded import Postgres, Valkey
from embedded.gunicorn import Gunicorn
from progress_api.schema.migrate import upgrade
from tests.client import PREFIX, SECRET


def main(command: list[str]) -> int:
    """Start everything, and return the command's exit code."""
    with (
        TemporaryDirectory() as directory,
        Postgres(Path(directory, "postgres"), durable=False) as postgres,
        Valkey(Path(directory, "valkey")) as valkey,
    ):
        upgrade(create_engine(postgres.url(), poolclass=NullPool))
        settings = {
            "DATABASE_URL": postgres.url(),
            "RATELIMIT_STORAGE_URI": valkey.url,
            "JWT_SECRET_KEY": SECRET,
        }
        with Gunicorn(settings, log=Path(directory, "log")) as service:
            told = {"PROGRESS_URL": service.url + PREFIX, "PROGRESS_SECRET": SECRET}
            return subprocess.call(command, env=os.environ | told)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
