"""The app for a WSGI server that is started in this directory: `gunicorn wsgi:app`."""

from progress_api.wsgi import app

__all__ = ["app"]
