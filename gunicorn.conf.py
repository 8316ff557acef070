"""The configuration that gunicorn finds in this directory; all of it is in the package."""

from progress_api.serving import *  # noqa: F403
