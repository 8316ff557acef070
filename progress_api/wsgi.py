"""Create the app for a WSGI server: `progress_api.wsgi:app`."""

import logging
import os
import sys

from progress_api.application import create_app
from progress_api.exceptions import SettingsError
from progress_api.settings import Settings
from progress_api.settings.environment import CONFIGURED, misspelled

_GUNICORN_BOOT_ERROR = 3  # with this exit status gunicorn does not restart the worker forever
_NOT_CONFIGURED = (
    "Started without the configuration progress_api.serving: HOST, WEB_THREADS and METRICS_PORT "
    "have no effect, and each worker counts separately. Run `progress-api serve`, or "
    "`gunicorn -c python:progress_api.serving progress_api.wsgi:app`."
)

try:
    _settings = Settings.from_environment(os.environ)
    app = create_app(_settings)
except SettingsError as error:
    sys.stderr.write(f"{error.detail}\n")
    sys.exit(_GUNICORN_BOOT_ERROR)

if CONFIGURED not in os.environ:
    for sentence in (_NOT_CONFIGURED, *misspelled(os.environ, vars(_settings))):
        logging.getLogger("progress_api.wsgi").warning(sentence)
