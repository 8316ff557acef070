"""What docs/certificates.md shows to check a credential offline works as it is pasted."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.certificates.conftest import earn, signing
from tests.client import PREFIX
from tests.conftest import MakeApp, MakeLearner

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
