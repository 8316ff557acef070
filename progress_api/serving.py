"""gunicorn's settings and hooks: `gunicorn -c python:progress_api.serving progress_api.wsgi:app`.

The settings of the service are read when this module is imported, so import it as gunicorn's
configuration only.
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
from progress_api.monitoring.logs import JsonLines
from progress_api.settings import Settings
from progress_api.settings.environment import CONFIGURED, misspelled

_PREFIX = "progress-api-metrics-"
_RETRY_SECONDS = 1.0
_SET_PDEATHSIG = 1  # of Linux's prctl
_SHARED_MEMORY = "/dev/shm"  # noqa: S108  # nosec B108
_SEPARATE_LIMITS = (
    "RATELIMIT_STORAGE_URI is memory://: each of the %d workers counts limits separately. Name a "
    "Valkey or Redis that all workers share."
)


def _temporary_directory() -> Path:
    with suppress(FileNotFoundError):  # no disk has room for a temporary file
        return Path(tempfile.gettempdir())
    return Path(_SHARED_MEMORY)


_new = _temporary_directory() / f"{_PREFIX}{uuid.uuid4().hex}"
# Made by the first worker.
_directory = Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR") or _new)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_directory)
# The name also tells after a SIGHUP, when this module is imported again.
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
worker_class = "gthread"
threads = _settings.web_threads
# gunicorn's default. Who is not accepted waits for as long as others keep their connections.
worker_connections = 1000
keepalive = 5
timeout = 30
# A worker shows that it is alive by touching a file, which must not depend on a disk.
worker_tmp_dir = _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK) else None
# Longer than a request may wait for its connection and its statements; with the default of
# DATABASE_TIMEOUT shorter than an orchestrator waits.
graceful_timeout = 4 + 2 * math.ceil(_settings.database_timeout / 1000)
# An id of 255 characters, and a userId, are up to 6,120 bytes when they are percent-encoded.
limit_request_line = 8190
# Who may speak for a client is TRUSTED_PROXIES alone; gunicorn itself would believe loopback.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
# Two services of one user would take this socket from each other.
control_socket_disable = True
accesslog = None


class _WithoutAccessLog(glogging.Logger):
    """Leaves the line about a request to the service, and does not collect what would be in it."""

    access_log_enabled = False


logger_class = _WithoutAccessLog


class _WithoutTheRequest(logging.Filter):
    """Leaves out what a refused request was: it may name a learner."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the line, up to what was sent."""
        told = record.getMessage()
        if told.startswith("Invalid request"):
            record.msg, record.args = told.partition(": ")[0], ()
        return True


logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": JsonLines}},
    "filters": {"refused": {"()": _WithoutTheRequest}},
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
    """Answer a request that is no HTTP as every other failure is answered."""
    detail = "The request could not be read; it is not well-formed, or too long."
    if status_int == HTTPStatus.NOT_IMPLEMENTED:  # an unknown transfer coding is no fault of ours
        status_int, reason = HTTPStatus.BAD_REQUEST.value, HTTPStatus.BAD_REQUEST.phrase
    request_id = uuid.uuid4().hex
    logging.getLogger("gunicorn.error").info("refused", extra={"requestId": request_id})
    body = json.dumps({"error": reason, "detail": detail, "requestId": request_id})
    head = (
        f"HTTP/1.1 {status_int} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        "Cache-Control: no-store\r\n"
    )
    answer = f"{head}X-Request-ID: {request_id}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    util.write_nonblock(sock, answer.encode("latin-1"))


def on_starting(server: Any) -> None:
    """Warn of settings that probably do not do what was meant."""
    for sentence in misspelled(os.environ, vars(_settings)):
        server.log.warning(sentence)
    in_memory = _settings.ratelimit_storage_uri.startswith("memory:")
    if _settings.ratelimit_enabled and in_memory and server.cfg.workers > 1:
        server.log.warning(_SEPARATE_LIMITS, server.cfg.workers)


def when_ready(server: Any) -> None:
    """Count from zero, and serve the metrics of all workers on a separate port."""
    if _is_own:
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
        told = f"METRICS_PORT: cannot listen on {host} port {port} ({error.strerror})."
        if not server.master_pid:
            sys.exit(told)
        # After a SIGUSR2: the master that this one is to replace has it until it ends.
        server.log.warning(told)
        threading.Thread(target=_serve_metrics_later, args=[registry], daemon=True).start()


def _serve_metrics_later(registry: CollectorRegistry) -> None:
    while True:
        time.sleep(_RETRY_SECONDS)
        with suppress(OSError):
            start_http_server(_settings.metrics_port, _settings.metrics_host, registry)
            return


def _remove_directory(owner: int) -> None:
    if os.getpid() == owner:  # a worker that ends runs what its master has registered
        shutil.rmtree(_directory, ignore_errors=True)


def pre_exec(server: Any) -> None:
    """Let a master that is started by SIGUSR2 make a directory of its own."""
    # `python -m gunicorn` starts again as a script, whose directory has another package `http`.
    server.cfg.env_orig["PYTHONSAFEPATH"] = "1"
    if _is_own:
        server.cfg.env_orig.pop("PROMETHEUS_MULTIPROC_DIR", None)


def pre_fork(_: Any, __: Any) -> None:
    """Forget this package, so that after SIGHUP both gunicorn and the workers import it again."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "progress_api"]:
        del sys.modules[name]


def pre_request(worker: Any, request: Any) -> None:
    """Let go of one in 16 where a worker has more than its share of few: another may have none.

    Who is let go of connects anew, and is accepted by the worker that is least busy. Of many each
    has enough; to let go of them would cost, for gunicorn waits until the client has hung up too.
    """
    if threads * 2 < worker.nr_conns <= threads * 4 and worker.nr % 16 == 0:
        request.force_close()


def post_fork(server: Any, _: Any) -> None:
    """Answer in JSON, count, and end with the master, which needs the ports to start again."""
    # gunicorn has no setting for the HTML that it sends when it cannot read a request.
    util.write_error = _refuse_in_json
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != server.pid:
            os._exit(1)  # the master ended before the line above
    _counters.share(server.cfg.uid, server.cfg.gid)


def child_exit(_: Any, worker: Any) -> None:
    """Keep what a worker counted, forget that it is alive."""
    _counters.forget(worker.pid)
    with suppress(OSError):  # a directory may have become read-only
        GunicornPrometheusMetrics.mark_process_dead_on_child_exit(worker.pid)
