"""`compose.yaml` as Compose reads it, with the values of an environment file filled in."""

import re
from pathlib import Path
from typing import Any

import yaml

_VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?::([-?])([^}]*))?\}")


def configured(project: Path) -> dict[str, Any]:
    """The services of a project's compose.yaml, by their names.

    Args:
        project: the directory, with `.env`.
    """
    lines = (project / ".env").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z]", line))

    def value(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        if not (given := values.get(found[1], "")):
            assert found[2] == "-", found[0]
        return given or found[3]

    text = _VARIABLE.sub(value, (project / "compose.yaml").read_text())
    services: dict[str, Any] = yaml.safe_load(text)["services"]
    for service in services.values():
        of_file = values if service.get("env_file") == ".env" else {}
        service["environment"] = of_file | service.get("environment", {})
    return services
