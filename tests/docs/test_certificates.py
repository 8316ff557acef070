"""What docs/certificates.md shows works as it is pasted, offline checks of credentials too."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from embedded.valkey import Valkey
from tests.certificates.conftest import earn, signing
from tests.client import PREFIX, SECRET, token
from tests.conftest import MakeApp, MakeLearner
from tests.serving.service import Serve, services

PRINTED = "Example Academy | {} | https://learn.example" + PREFIX + "/certificates/{}\n"


def snippet(root: Path, language: str) -> str:
    """The only block of a language."""
    page = (root / "docs/certificates.md").read_text()
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture(params=["RSA", "EC"])
def checked(
    tmp_path: Path, make_app: MakeApp, make_learner: MakeLearner, request: pytest.FixtureRequest
) -> str:
    """A folder with keys and a credential; returns what must be printed of it."""
    rsa_key = rsa.generate_private_key(65537, 2048)
    key = rsa_key if request.param == "RSA" else ec.generate_private_key(ec.SECP256R1())
    app = make_app(**signing(key))
    learner = make_learner(app, tutorial=f"offline-{request.param}")
    own = earn(learner, {"holderName": "Ada Lovelace"})
    (tmp_path / "credential.jwt").write_text(own["credential"] + "\n")
    keys = app.test_client().get(f"{PREFIX}/certificates/jwks").data
    (tmp_path / "keys.json").write_bytes(keys)
    return PRINTED.format(learner.tutorial, own["certificateId"])


def test_the_python_snippet_verifies_a_credential(root: Path, tmp_path: Path, checked: str) -> None:
    script = tmp_path / "check.py"
    script.write_text(snippet(root, "python"))

    run = [sys.executable, str(script)]
    result = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert result.stdout == checked, result.stderr
    # ... and refuses one whose key is not among the saved ones.
    (tmp_path / "keys.json").write_text('{"keys": []}')
    result = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (result.returncode, "somebody else" in result.stderr) == (1, True)


def test_the_node_snippet_verifies_a_credential(root: Path, tmp_path: Path, checked: str) -> None:
    install = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(tmp_path)]
    subprocess.run([*install, "jose@6"], check=True)
    script = tmp_path / "check.mjs"
    script.write_text(snippet(root, "js"))

    run = ["node", str(script)]
    result = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert result.stdout == checked, result.stderr


@pytest.fixture
def serve(
    tmp_path_factory: pytest.TempPathFactory, database: str, valkey: Valkey
) -> Iterator[Serve]:
    """Start a service on a database of its own."""
    folder = partial(tmp_path_factory.mktemp, "service")
    with services(folder, lambda: database, valkey.url) as start:
        yield start


def test_the_commands_of_the_page_do_what_it_says(
    root: Path, tmp_path: Path, database: str, serve: Serve
) -> None:
    page = (root / "docs/certificates.md").read_text()
    store, earned, check, keys, sign, change = re.findall(
        r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL
    )
    commands = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "DATABASE_URL": database,
        "JWT_SECRET_KEY": SECRET,
    }

    def paste(script: str) -> str:
        run = ["bash", "-ec", script]
        result = subprocess.run(
            run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    # given a service with the key that the page makes
    pem, name, url = paste(
        sign + 'echo "|$CERTIFICATE_PRIVATE_KEY|$CERTIFICATE_ISSUER_NAME|$PUBLIC_URL"'
    ).split("|")[1:]
    served = serve(
        CERTIFICATE_PRIVATE_KEY=pem, CERTIFICATE_ISSUER_NAME=name, PUBLIC_URL=url.strip()
    )
    learner = served.learner(tutorial="sql")
    environment |= {
        "URL": served.url + PREFIX,
        "AUTHOR": token("author", scope="progress:author"),
        "TOKEN": token(learner.name),
    }
    # when
    outline = json.loads(paste(store))
    for chapter in outline["chapters"]:
        learner.watch(chapter["chapterId"], completed=True)
    learner.answer_quiz("final")
    progress, own = paste(earned.replace("\ncurl", "\necho; curl")).splitlines()
    # then
    certificate = json.loads(own)
    assert json.loads(progress)["certificateEarned"]
    assert (certificate["title"], certificate["holderName"]) == ("SQL in a day", "Ada Lovelace")
    environment["ID"] = certificate["certificateId"].lower()
    assert json.loads(paste(check))["status"] == "valid"
    (tmp_path / "credential.jwt").write_text(certificate["credential"])
    paste(keys)
    (tmp_path / "check.py").write_text(snippet(root, "python"))
    assert paste("python check.py") == f"{name} | SQL in a day | {certificate['url']}\n"
    changes = paste(change)
    assert changes.count("Somebody else took the quizzes.") > 1
    assert json.loads(paste(check))["status"] == "valid"
