"""What a WSGI server serves: `progress_api.wsgi:app`."""

import sys

from progress_api.application import create_app
from progress_api.exceptions import SettingsError

_GUNICORN_BOOT_ERROR = 3  # tells gunicorn not to start this worker again and again

try:
    app = create_app()
except SettingsError as error:
    sys.stderr.write(f"{error.detail}\n")
    sys.exit(_GUNICORN_BOOT_ERROR)
