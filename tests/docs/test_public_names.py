"""The names that others may use, and an import that changes nothing of theirs."""

import inspect
import json
import logging
import os
import re
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest
from flask import Blueprint
from prometheus_client import REGISTRY

import progress_api
from progress_api import Settings, create_app
from tests.client import SECRET
from tests.conftest import SCHEME
from tests.docs.embedding.public_names import rows, table

NAMES = [
    "Certificate",
    "CertificateChange",
    "CertificateNotFound",
    "CertificateRepository",
    "Chapter",
    "ChapterProgress",
    "ChapterReport",
    "Completion",
    "DatabaseUnavailable",
    "ErasureStep",
    "Event",
    "EventResult",
    "EventResults",
    "InvalidFields",
    "LastChapter",
    "LearnerPage",
    "LearnerRepository",
    "LearnerRows",
    "LearnerSummary",
    "NotEligible",
    "Outline",
    "OutlineChapter",
    "OutlineNotFound",
    "OutlineQuiz",
    "OutlineRepository",
    "Policy",
    "Progress",
    "ProgressAPI",
    "ProgressError",
    "ProgressNotFound",
    "ProgressRepository",
    "QuizAttempt",
    "QuizReport",
    "QuizScore",
    "Report",
    "ReportRepository",
    "ReportsBusy",
    "Settings",
    "SettingsError",
    "TooManyChapters",
    "TooManyQuizzes",
    "TutorialOutline",
    "TutorialPage",
    "TutorialSummary",
    "blueprint",
    "create_app",
    "include_object",
]
# What a process shares; printed before and after the import.
LOOK = """
import gc, json, locale, logging, os, signal, socket, sys, threading, warnings
import prometheus_client

def look():
    handlers = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
    root = logging.getLogger()
    ours = [name for name in logging.Logger.manager.loggerDict if name.startswith("progress_api")]
    return {
        "root logger": [repr(root.handlers), repr(root.filters), root.level, root.disabled],
        "own loggers": [name for name in ours if logging.getLogger(name).handlers],
        "last resort": [repr(logging.lastResort), logging.raiseExceptions, root.manager.disable],
        "log classes": [repr(logging.getLoggerClass()), repr(logging.getLogRecordFactory())],
        "metrics": sorted(metric.name for metric in prometheus_client.REGISTRY.collect()),
        "signals": [repr(signal.getsignal(one)) for one in sorted(handlers)],
        "warnings": [repr(one) for one in warnings.filters] + [repr(warnings.showwarning)],
        "environment": dict(os.environ),
        "socket": socket.getdefaulttimeout(),
        "threads": threading.active_count(),
        "hooks": [repr(sys.excepthook), repr(threading.excepthook), repr(sys.unraisablehook)],
        "path": sys.path[:],
        "directory": os.getcwd(),
        "collector": [gc.isenabled(), gc.get_threshold()],
        "limits": [sys.getrecursionlimit(), sys.getswitchinterval()],
        "locale": locale.setlocale(locale.LC_ALL),
        "json": [repr(json.JSONEncoder.default), repr(json._default_encoder)],
    }

before = look()
{0}
print(json.dumps([before, look()], default=repr))
"""


def test_the_public_names_are_these() -> None:
    assert progress_api.__all__ == NAMES
    assert all(hasattr(progress_api, name) for name in NAMES)


def test_everything_is_imported_by_a_star() -> None:
    found: dict[str, object] = {}
    exec("from progress_api import *", found)  # noqa: S102
    assert sorted(found.keys() - {"__builtins__"}) == NAMES
    assert isinstance(found["blueprint"], Blueprint)


def test_the_table_of_public_names_is_as_the_code_has_them(root: Path) -> None:
    page = (root / "docs" / "public-names.md").read_text()

    paste = "paste the output of python -m tests.docs.embedding.public_names into the page"
    assert f"<!-- public names -->\n{table()}<!-- end -->" in page, paste
    assert {re.split(r"[(.:]", shown)[0] for shown, _ in rows()} == set(NAMES)


def test_each_name_of_the_package_in_a_signature_is_a_public_one() -> None:
    own = {
        name
        for module in [one for path, one in sys.modules.items() if path.startswith("progress_api")]
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__.startswith("progress_api")
    }

    written = {name for shown, _ in rows() for name in re.findall(r"\w+", shown)}

    assert (own & written) - set(NAMES) == set()
    assert {"Progress", "Policy"} <= own & written


@pytest.fixture(scope="module")
def imported(root: Path) -> subprocess.CompletedProcess[str]:
    """The output of a process that imported everything, with warnings as errors."""
    act = "import progress_api, progress_api.cli, progress_api.schema.migrate"
    script = f"import sys; sys.path.insert(0, {str(root)!r})" + LOOK.replace("{0}", act)
    command = [sys.executable, "-I", "-W", "error", "-c", script]
    environment = {"PATH": os.defpath}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_importing_changes_nothing_that_a_process_shares(
    imported: subprocess.CompletedProcess[str],
) -> None:
    # when
    before, after = json.loads(imported.stdout)
    # then
    changed = {what: (before[what], after[what]) for what in before if before[what] != after[what]}
    assert changed == {}


def test_an_import_needs_no_setting_and_warns_of_nothing(
    imported: subprocess.CompletedProcess[str],
) -> None:
    assert (imported.returncode, imported.stderr) == (0, "")
    assert len(imported.stdout.splitlines()) == 1  # what was looked at


def test_a_hundred_services_in_one_process_leave_no_more_behind_than_one() -> None:
    # given
    settings = Settings(database_url=f"{SCHEME}://nowhere/", jwt_secret_key=SECRET)
    create_app(settings)
    before, threads = _counted(), threading.active_count()
    # when
    for _ in range(100):
        create_app(settings)
    # then
    assert _counted() == before
    # ... and no thread, once those that sweep a new store have swept it.
    deadline = time.monotonic() + 30
    while threading.active_count() > threads:
        assert time.monotonic() < deadline, threading.enumerate()
        time.sleep(0.02)


def _counted() -> dict[str, int]:
    loggers = [logging.getLogger(), *map(logging.getLogger, logging.Logger.manager.loggerDict)]
    return {
        "loggers": len(loggers),
        "handlers": sum(len(logger.handlers) for logger in loggers),
        "filters": sum(len(logger.filters) for logger in loggers),
        "metrics": len(list(REGISTRY.collect())),
        "warnings": len(warnings.filters),
    }
