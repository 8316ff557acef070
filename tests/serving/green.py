"""Serve the service under eventlet, which replaces the parts of Python that wait."""

import sys

import eventlet
from eventlet import wsgi

eventlet.monkey_patch()

from progress_api import create_app  # noqa: E402

if __name__ == "__main__":
    listener = eventlet.listen(("127.0.0.1", int(sys.argv[1])))
    wsgi.server(listener, create_app(), log_output=False)
