"""Migrate, make a learner, and serve: what a deployment does in three jobs."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent.resolve()
APP = "campus:create_app()"
FLASK = ("flask", "--app", APP)
GUNICORN = ("gunicorn", "--threads", "4", "--no-control-socket", APP)


def main() -> None:
    """Run the jobs; then become the server, on HOST and PORT."""
    if not os.environ.get("DATABASE_URL"):
        sys.exit("DATABASE_URL is missing: the address of a PostgreSQL database.")
    os.chdir(HERE)
    for job in (("alembic", "upgrade", "head"), (*FLASK, "progress", "migrate"), (*FLASK, "demo")):
        subprocess.run([sys.executable, "-m", *job], check=True)
    address = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '5000')}"
    # SIGUSR2 starts gunicorn again as a script; its directory has a package `http`, which would
    # hide the standard one.
    environment = os.environ | {"PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-m", *GUNICORN, "--bind", address]
    os.execve(sys.executable, command, environment)


if __name__ == "__main__":
    main()
