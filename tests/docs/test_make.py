"""Targets of the Makefile that change files."""

import shutil
from pathlib import Path

from tests.docs.installed import make


def test_make_format_leaves_what_make_lint_accepts(root: Path, tmp_path: Path) -> None:
    for name in ("Makefile", "ruff.toml"):
        shutil.copy(root / name, tmp_path / name)
    untidy = tmp_path / "untidy.py"
    untidy.write_text('"""Untidy."""\nimport sys, os\nprint (os.sep,  sys.argv )\n')

    said = make(tmp_path, "format")

    assert (
        untidy.read_text() == '"""Untidy."""\n\nimport os\nimport sys\n\nprint(os.sep, sys.argv)\n'
    )
    assert "T201" in said  # what it cannot mend it names
