"""Configure gunicorn: `gunicorn -c python:progress_api.serving progress_api.wsgi:app`.

Importing this module reads the settings of the service and may exit the process, so only gunicorn
should import it.
"""

import atexit
import ctypes
import json
import logging
import math
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import uuid
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

from gunicorn import glogging, util
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_flask_exporter.multiprocess import GunicornPrometheusMetrics

from progress_api.exceptions import SettingsError
from progress_api.monitoring.counters import Counters, CountersCollector
from progress_api.monitoring.leftovers import remove_unused
from progress_api.monitoring.logs import JsonLines
from progress_api.settings import Settings
from progress_api.settings.environment import CONFIGURED, misspelled

_PREFIX = "progress-api-metrics-"
_RETRY_SECONDS = 1.0
_SET_PDEATHSIG = 1  # PR_SET_PDEATHSIG of Linux's prctl
_SHARED_MEMORY = "/dev/shm"  # noqa: S108  # nosec B108
_SEPARATE_LIMITS = (
    "RATELIMIT_STORAGE_URI is memory://: each of the %d workers counts limits separately. Set it "
    "to a Valkey or Redis that all workers share."
)


def _temporary_directory() -> Path:
    with suppress(FileNotFoundError):  # raised if no file can be written, as on a full disk
        return Path(tempfile.gettempdir())
    return Path(_SHARED_MEMORY)


_new_directory = _temporary_directory() / f"{_PREFIX}{uuid.uuid4().hex}"
_directory = Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR") or _new_directory)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_directory)
# The name still shows this after a SIGHUP, when this module is imported again.
_is_own = _directory.name.startswith(_PREFIX)
_counters = Counters(_directory, is_private=_is_own)

try:
    _settings = Settings.from_environment(os.environ)
except SettingsError as error:
    sys.exit(error.detail)
os.environ[CONFIGURED] = "true"

_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host
bind = f"{_host}:{_settings.port}"
workers = _settings.web_concurrency
worker_class = "progress_api.worker.Worker"
threads = _settings.web_threads
# gunicorn's default. Further connections are not accepted until others are closed.
worker_connections = 1000
keepalive = 5
timeout = 30
# Each worker updates a file to show that it is alive, which must not depend on a disk.
worker_tmp_dir = _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK) else None
# Longer than a request other than a report can wait for a connection and its statements. With the
# default of DATABASE_TIMEOUT, shorter than the 10 to 30 seconds that orchestrators wait. A report
# that runs longer is cut off.
graceful_timeout = 4 + 2 * math.ceil(_settings.database_timeout / 1000)
# A tutorialId and a userId of 255 characters each are up to 6,120 bytes when percent-encoded.
limit_request_line = 8190
# Only TRUSTED_PROXIES decides which forwarded headers count; gunicorn would trust loopback.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
# Two services of one user would compete for this socket.
control_socket_disable = True
accesslog = None


class _WithoutAccessLog(glogging.Logger):
    """gunicorn's logger without an access log: the service logs each request itself."""

    access_log_enabled = False


logger_class = _WithoutAccessLog


class _WithoutRequestText(logging.Filter):
    """Removes the text of an invalid request from its log record: it may name a learner."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the record, without the text of the request."""
        message = record.getMessage()
        if message.startswith("Invalid request"):
            record.msg, record.args = message.partition(": ")[0], ()
        return True


logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": JsonLines}},
    "filters": {"refused": {"()": _WithoutRequestText}},
    "handlers": {
        "out": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["refused"]}
    },
    "root": {"level": "WARNING", "handlers": ["out"]},
    "loggers": {
        "gunicorn.error": {
            "level": _settings.log_level,
            "handlers": ["out"],
            "propagate": False,
        },
        "gunicorn.access": {"level": "ERROR", "handlers": ["out"], "propagate": False},
    },
}


def _refuse_in_json(sock: socket.socket, status_int: int, reason: str, mesg: str) -> None:  # noqa: ARG001
    """Respond in JSON to a request that gunicorn cannot parse (spec 5.1, 5.5)."""
    detail = "The request could not be read; it is not well-formed, or too long."
    if (
        status_int == HTTPStatus.NOT_IMPLEMENTED
    ):  # for an unknown transfer coding: an error of the client
        status_int, reason = HTTPStatus.BAD_REQUEST.value, HTTPStatus.BAD_REQUEST.phrase
    request_id = uuid.uuid4().hex
    logging.getLogger("gunicorn.error").info("refused", extra={"requestId": request_id})
    body = json.dumps({"error": reason, "detail": detail, "requestId": request_id})
    head = (
        f"HTTP/1.1 {status_int} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        "Cache-Control: no-store\r\n"
    )
    response = f"{head}X-Request-ID: {request_id}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    util.write_nonblock(sock, response.encode("latin-1"))


def on_starting(server: Any) -> None:
    """Warn about misspelled settings and separate rate limits."""
    for sentence in misspelled(os.environ, vars(_settings)):
        server.log.warning(sentence)
    in_memory = _settings.ratelimit_storage_uri.startswith("memory:")
    if _settings.ratelimit_enabled and in_memory and server.cfg.workers > 1:
        server.log.warning(_SEPARATE_LIMITS, server.cfg.workers)


def when_ready(server: Any) -> None:
    """Reset the counters, and serve the metrics of all workers on a separate port (spec 9.3)."""
    if _is_own:
        remove_unused(_directory.parent, _PREFIX, server.cfg.uid)
        with suppress(OSError):  # each worker tries again, and reports it
            _counters.make_directory(server.cfg.uid, server.cfg.gid)
        atexit.register(_remove_directory, os.getpid())
    elif not server.master_pid:
        _counters.clear()
    if _settings.metrics_port:
        _serve_metrics(server)


def _serve_metrics(server: Any) -> None:
    host, port = _settings.metrics_host, _settings.metrics_port
    registry = CollectorRegistry()
    registry.register(CountersCollector(_directory, lambda: list(server.WORKERS)))
    try:
        start_http_server(port, host, registry)
    except OSError as error:
        fault = f"METRICS_PORT: cannot listen on {host} port {port} ({error.strerror})."
        if not server.master_pid:
            sys.exit(fault)
        # After a SIGUSR2 the old master holds the port until it ends.
        server.log.warning(fault)
        threading.Thread(target=_serve_metrics_later, args=[registry], daemon=True).start()


def _serve_metrics_later(registry: CollectorRegistry) -> None:
    while True:
        time.sleep(_RETRY_SECONDS)
        with suppress(OSError):
            start_http_server(_settings.metrics_port, _settings.metrics_host, registry)
            return


def _remove_directory(owner: int) -> None:
    if os.getpid() == owner:  # a worker inherits the exit handlers of its master
        shutil.rmtree(_directory, ignore_errors=True)


def pre_exec(server: Any) -> None:
    """Give a master that is started by SIGUSR2 a separate directory."""
    # `python -m gunicorn` restarts as a script; its directory has a package `http`, which would
    # hide the standard one.
    server.cfg.env_orig["PYTHONSAFEPATH"] = "1"
    if _is_own:
        server.cfg.env_orig.pop("PROMETHEUS_MULTIPROC_DIR", None)


def pre_fork(_: Any, __: Any) -> None:
    """Unload this package, so that gunicorn and its workers import it again after a SIGHUP."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "progress_api"]:
        del sys.modules[name]


def pre_request(worker: Any, request: Any) -> None:
    """Close the connection of every 16th request if this worker has more than its share.

    Another worker may have no connection at all. A client whose connection is closed reconnects
    and lands on the least busy worker. With many connections every worker has its share, and
    closing is expensive because the client must connect again.
    """
    open_connections = getattr(worker, "nr_conns", 0)  # other classes than gthread do not count
    if threads * 2 < open_connections <= threads * 4 and worker.nr % 16 == 0:
        request.force_close()


def post_fork(server: Any, _: Any) -> None:
    """Set up a worker: errors in JSON, shared counters, and an end with the master.

    A worker that outlived its master would hold the port, and a restart would fail.
    """
    # gunicorn has no setting for the HTML that it sends for an invalid request.
    util.write_error = _refuse_in_json
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != server.pid:
            os._exit(1)  # the master ended before the line above
    _counters.share(server.cfg.uid, server.cfg.gid)


def child_exit(_: Any, worker: Any) -> None:
    """Keep the counts of a worker that has ended, but not its gauges."""
    _counters.forget(worker.pid)
    with suppress(OSError):  # the directory may be read-only
        GunicornPrometheusMetrics.mark_process_dead_on_child_exit(worker.pid)
