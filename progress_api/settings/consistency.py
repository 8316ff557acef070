"""Check settings that depend on each other.

Each function takes the settings by field name, without those whose values are invalid, and returns
one sentence for each fault.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from progress_api.settings.setting_types import (
    ALGORITHM,
    HMAC_SECRET_BYTES,
    PUBLIC_KEY_ALGORITHMS,
)

DOCS_PATH = "/docs"
SWAGGER_UI = "flask_swagger_ui"
NO_SWAGGER_UI = "DOCS_ENABLED needs Swagger UI: install progress-api[docs]."


def key_faults(values: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the key that verifies tokens (spec 4.2, 4.3).

    Args:
        values: settings by field name.
    """
    if not {"jwt_algorithm", "jwt_public_key", "jwt_jwks_url"} <= values.keys():
        return []
    algorithm, secret = values["jwt_algorithm"], values["jwt_secret_key"] or ""
    public_keys = [values["jwt_public_key"], values["jwt_jwks_url"]]
    if algorithm not in {*HMAC_SECRET_BYTES, *PUBLIC_KEY_ALGORITHMS}:
        return [f"JWT_ALGORITHM must be {ALGORITHM.description}."]
    minimum = HMAC_SECRET_BYTES.get(algorithm, 0)
    if minimum and any(public_keys):
        return ["JWT_PUBLIC_KEY and JWT_JWKS_URL need a JWT_ALGORITHM such as RS256 or ES256."]
    if minimum and len(secret.encode()) < minimum:
        needed = f"JWT_SECRET_KEY must be a secret of at least {minimum} bytes for {algorithm}"
        return [
            f"{needed}. For a public key, set JWT_ALGORITHM and JWT_PUBLIC_KEY or JWT_JWKS_URL."
        ]
    if not minimum and all(public_keys) == any(public_keys):
        keys = "JWT_PUBLIC_KEY, a public key in PEM, or JWT_JWKS_URL, an http or https URL"
        return [f"JWT_ALGORITHM {algorithm} needs either {keys}."]
    return []


def previous_key_faults(values: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the keys that are being replaced (spec 4.16).

    Args:
        values: settings by field name.
    """
    faults = []
    for kind in ("secret", "public"):
        name, previous = f"jwt_{kind}_key", f"jwt_previous_{kind}_key"
        # A current key that is absent from `values` is reported as invalid elsewhere.
        if values.get(previous) and not values.get(name, True):
            needed = f"must be given together with {name.upper()}, which replaces it"
            faults.append(f"{previous.upper()} {needed}.")
    secret, algorithm = values.get("jwt_previous_secret_key") or "", values.get("jwt_algorithm")
    minimum = HMAC_SECRET_BYTES.get(algorithm or "", 0)
    if secret and len(secret.encode()) < minimum:
        faults.append(f"JWT_PREVIOUS_SECRET_KEY must be a secret of at least {minimum} bytes.")
    return faults


def certificate_faults(values: Mapping[str, Any]) -> list[str]:
    """Return what is missing to sign certificates (spec 14.7).

    Args:
        values: settings by field name.
    """
    needed = ("certificate_issuer_name", "public_url")
    if not values.get("certificate_private_key") or all(values.get(name, True) for name in needed):
        return []
    return ["CERTIFICATE_PRIVATE_KEY needs CERTIFICATE_ISSUER_NAME and PUBLIC_URL."]


def conflicts(values: Mapping[str, Any]) -> list[str]:
    """Return which settings exclude each other, or need a package that is not installed.

    Args:
        values: settings by field name.
    """
    faults = []
    if "port" in values and values["port"] == values.get("metrics_port"):
        faults.append("METRICS_PORT must be another port than PORT, or 0 to disable it.")
    if values.get("docs_enabled") and values.get("url_prefix") == DOCS_PATH:
        faults.append(f"URL_PREFIX must be another path than {DOCS_PATH}, or DOCS_ENABLED false.")
    if values.get("docs_enabled") and not find_spec(SWAGGER_UI):
        faults.append(NO_SWAGGER_UI)
    return faults
