"""A credential is what Open Badges 3.0 asks for, and verifies without this service.

The verifier here is jwcrypto: PyJWT signs, so that it must not vouch for itself.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from flask import Flask
from jsonschema import Draft202012Validator, FormatChecker
from jwcrypto import jwk, jws

from progress_api import CertificateRepository, Settings, SettingsError, create_app
from tests.certificates.conftest import (
    PUBLIC_URL,
    earn,
    look,
    private_pem,
    public_pem,
    revoke,
    signing,
)
from tests.client import PREFIX, SECRET, Learner
from tests.conftest import MakeApp, MakeLearner, new_name
from tests.outlines.conftest import outline, put, with_scope

URI = {"type": "string", "pattern": "^(https?://|urn:uuid:)[!-~]+$"}
NAME = {"type": "string", "minLength": 1}


def holding(kind: str) -> dict[str, Any]:
    """An array of types that holds one."""
    return {"type": "array", "contains": {"const": kind}, "items": NAME}


# Required members of Open Badges 3.0 (https://www.imsglobal.org/spec/ob/v3p0, appendix "Data
# Models", and 8.2 for the members of the JWT), in our own words.
CREDENTIAL: dict[str, Any] = {
    "type": "object",
    "required": [
        *("@context", "id", "type", "issuer", "validFrom", "credentialSubject", "name"),
        *("iss", "jti", "sub", "nbf"),
    ],
    "not": {"anyOf": [{"required": [one]} for one in ("vc", "proof", "issuanceDate")]},
    "properties": {
        "@context": {
            "const": [
                "https://www.w3.org/ns/credentials/v2",
                "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
            ]
        },
        "id": {"type": "string", "pattern": "^urn:uuid:[0-9a-f-]{36}$"},
        "type": {
            "allOf": [holding("VerifiableCredential"), holding("OpenBadgeCredential")],
            "maxItems": 2,
        },
        "name": NAME,
        "validFrom": {"type": "string", "format": "date-time", "pattern": r"^[^.]+Z$"},
        "nbf": {"type": "integer"},
        "issuer": {
            "type": "object",
            "required": ["id", "type", "name", "url"],
            "properties": {"id": URI, "type": holding("Profile"), "name": NAME, "url": URI},
            "additionalProperties": False,
        },
        "credentialSubject": {
            "type": "object",
            "required": ["id", "type", "achievement"],
            "properties": {
                "id": URI,
                "type": holding("AchievementSubject"),
                "achievement": {
                    "type": "object",
                    "required": ["id", "type", "name", "description", "criteria"],
                    "properties": {
                        "id": URI,
                        "type": holding("Achievement"),
                        "name": NAME,
                        "description": NAME,
                        "achievementType": {"const": "CertificateOfCompletion"},
                        "criteria": {"type": "object", "required": ["narrative"]},
                    },
                    "additionalProperties": False,
                },
                "identifier": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["type", "hashed", "identityHash", "identityType"],
                        "properties": {
                            "type": {"const": "IdentityObject"},
                            "hashed": {"const": False},
                            "identityHash": NAME,
                            "identityType": {"const": "name"},
                        },
                    },
                },
            },
            "additionalProperties": False,
        },
    },
}


def verified(credential: str, keys: Any) -> dict[str, Any]:
    """The claims of a credential that one of the published keys has signed."""
    trusted = {jwk.JWK(**key).thumbprint(): jwk.JWK(**key) for key in keys["keys"]}
    token = jws.JWS()
    token.deserialize(credential)
    header = token.jose_header
    assert set(header) == {"alg", "typ", "jwk"}
    key = trusted[jwk.JWK(**header["jwk"]).thumbprint()]
    token.verify(key)
    claims: dict[str, Any] = json.loads(token.payload)
    return claims


def key_set(app: Flask) -> Any:
    return app.test_client().get(f"{PREFIX}/certificates/jwks").json


@pytest.fixture(params=["rsa_key", "ec_key"])
def key(request: pytest.FixtureRequest) -> Any:
    """A key of each kind."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def signed(make_app: MakeApp, key: Any) -> Flask:
    """A service that signs certificates."""
    return make_app(**signing(key))


def test_a_credential_is_what_the_standard_asks_for_and_verifies(
    signed: Flask, make_learner: MakeLearner
) -> None:
    student = make_learner(signed, tutorial=f"c/c++ {new_name()}")
    put(with_scope(student, "progress:author"), outline("chapter-0", title="C & C++"))
    own = earn(student, {"holderName": "Ada"})

    claims = verified(own["credential"], key_set(signed))

    validator = Draft202012Validator(CREDENTIAL, format_checker=FormatChecker())
    assert list(validator.iter_errors(claims)) == []
    assert claims["iss"] == claims["issuer"]["id"] == PUBLIC_URL
    assert claims["jti"] == claims["id"]
    assert claims["sub"] == claims["credentialSubject"]["id"] == own["url"]
    assert own["url"] == f"{PUBLIC_URL}{PREFIX}/certificates/{own['certificateId']}"
    at = datetime.fromtimestamp(claims["nbf"], UTC).replace(tzinfo=None)
    assert claims["validFrom"] == f"{at.isoformat()}Z"
    assert own["issuedAt"].startswith(at.isoformat())
    assert claims["name"] == claims["credentialSubject"]["achievement"]["name"] == "C & C++"
    assert claims["credentialSubject"]["identifier"][0]["identityHash"] == "Ada"
    # ... and nobody's id or mail address is in it, nor a private key.
    assert student.name not in json.dumps(claims)
    assert "email" not in json.dumps(claims)
    assert '"d"' not in json.dumps(key_set(signed))


def test_without_a_name_no_name_is_in_it(signed: Flask, make_learner: MakeLearner) -> None:
    own = earn(make_learner(signed))

    claims = verified(own["credential"], key_set(signed))

    assert "identifier" not in claims["credentialSubject"]


def test_a_changed_credential_does_not_verify(signed: Flask, make_learner: MakeLearner) -> None:
    header, payload, signature = earn(make_learner(signed))["credential"].split(".")
    other = earn(make_learner(signed))["credential"].split(".")

    with pytest.raises(jws.InvalidJWSSignature):
        verified(f"{header}.{other[1]}.{signature}", key_set(signed))
    with pytest.raises(jws.InvalidJWSSignature):
        verified(f"{header}.{payload}.{other[2]}", key_set(signed))


def test_the_keys_are_published_at_two_addresses(signed: Flask) -> None:
    client = signed.test_client()
    addresses = (f"{PREFIX}/certificates/jwks", "/.well-known/jwks.json")
    answers: list[Any] = [client.get(address) for address in addresses]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json == answers[1].json
    for answer in answers:
        assert answer.mimetype == "application/jwk-set+json"
        assert answer.headers["Cache-Control"] == "public, max-age=300"
    (key,) = answers[0].json["keys"]
    assert key["kid"] == jwk.JWK(**key).thumbprint()
    assert key["use"] == "sig"


def test_without_a_key_there_is_no_credential_and_the_set_is_empty(
    service: Flask, student: Learner
) -> None:
    assert earn(student)["credential"] is None
    assert key_set(service) == {"keys": []}


def test_a_key_is_replaced_without_a_refusal(
    make_app: MakeApp,
    make_learner: MakeLearner,
    rsa_key: rsa.RSAPrivateKey,
    ec_key: ec.EllipticCurvePrivateKey,
) -> None:
    name = new_name()
    old = make_app(**signing(rsa_key))
    before = earn(make_learner(old, name=name))
    new = make_app(
        **signing(ec_key, certificate_previous_public_keys=(public_pem(rsa_key),)),
    )
    after = make_learner(new, name=name).certificate().body
    # A verifier that has asked a process which still signs with the old key knows the new one.
    announced = make_app(
        **signing(rsa_key, certificate_previous_public_keys=(public_pem(ec_key),)),
    )
    verified(after["credential"], key_set(announced))

    claims = [verified(one["credential"], key_set(new)) for one in (before, after)]

    assert claims[0] == claims[1]
    # ... until the old key is withdrawn.
    withdrawn = make_app(**signing(ec_key))
    verified(after["credential"], key_set(withdrawn))
    with pytest.raises(KeyError):
        verified(before["credential"], key_set(withdrawn))


def test_a_revoked_certificate_is_not_signed(signed: Flask, make_learner: MakeLearner) -> None:
    student = make_learner(signed)
    certificate_id = earn(student)["certificateId"]

    assert revoke(student, certificate_id).body["credential"] is None
    assert student.certificate().body["credential"] is None
    assert "Example Academy" in look(signed, certificate_id, "text/html").text


def test_the_signed_certificate_is_the_same_each_time(
    make_app: MakeApp, make_learner: MakeLearner, rsa_key: rsa.RSAPrivateKey
) -> None:
    student = make_learner(make_app(**signing(rsa_key)))

    assert earn(student) == student.certificate().body


def weak() -> dict[str, dict[str, Any]]:
    """Settings that must not start."""
    good = rsa.generate_private_key(65537, 2048)
    given = dict(signing(good))
    small = rsa.generate_private_key(65537, 1024)  # noqa: S505 - refused
    curve = ec.generate_private_key(ec.SECP384R1())
    public = public_pem(good)
    return {
        "a short key": {**given, "certificate_private_key": private_pem(small)},
        "another curve": {**given, "certificate_private_key": private_pem(curve)},
        "no key": {**given, "certificate_private_key": "secret"},
        "a public key": {**given, "certificate_private_key": public},
        "no name": {**given, "certificate_issuer_name": None},
        "no address": {**given, "public_url": None},
        "a short previous key": {
            **given,
            "certificate_previous_public_keys": (public, public_pem(small)),
        },
        "a previous key that is none": {**given, "certificate_previous_public_keys": ("key",)},
    }


@pytest.mark.parametrize("faulty", weak().values(), ids=weak().keys())
def test_a_key_that_cannot_be_used_stops_the_start(
    shared_database: str, faulty: dict[str, Any]
) -> None:
    settings = Settings(database_url=shared_database, jwt_secret_key=SECRET, **faulty)

    with pytest.raises(SettingsError, match="CERTIFICATE_") as refused:
        create_app(settings)
    assert "BEGIN" not in str(refused.value)


def test_the_settings_are_read_from_the_environment(
    rsa_key: rsa.RSAPrivateKey, ec_key: ec.EllipticCurvePrivateKey
) -> None:
    settings = Settings.from_environment(
        {
            "DATABASE_URL": "postgresql://db/progress",
            "JWT_SECRET_KEY": SECRET,
            "CERTIFICATE_PRIVATE_KEY": private_pem(rsa_key).replace("\n", "\\n"),
            "CERTIFICATE_ISSUER_NAME": "Example Academy",
            "CERTIFICATE_PREVIOUS_PUBLIC_KEYS": public_pem(ec_key) + public_pem(rsa_key),
            "PUBLIC_URL": "https://learn.example/api/",
        }
    )

    assert settings.certificate_private_key == private_pem(rsa_key).strip()
    assert settings.public_url == "https://learn.example/api"
    assert len(settings.certificate_previous_public_keys) == 2
    assert "PRIVATE" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", "learn.example"),
        ("PUBLIC_URL", "https://learn.example/?a=b"),
        ("PUBLIC_URL", "https://user:password@learn.example"),
        ("PUBLIC_URL", "https://lèarn.example"),
        ("PUBLIC_URL", "https://learn.example/é"),
        ("PUBLIC_URL", "https://learn.example/<b>"),
        ("PUBLIC_URL", "https://learn.example/100%"),
        ("CERTIFICATE_PRIVATE_KEY", "secret"),
        ("CERTIFICATE_PREVIOUS_PUBLIC_KEYS", "secret"),
    ],
)
def test_a_value_that_is_not_allowed_is_named(name: str, value: str) -> None:
    given = {"DATABASE_URL": "postgresql://db/progress", "JWT_SECRET_KEY": SECRET, name: value}

    with pytest.raises(SettingsError, match=name) as refused:
        Settings.from_environment(given)
    assert "secret" not in str(refused.value)


def test_an_address_in_python_is_read_as_in_the_environment(shared_database: str) -> None:
    given: dict[str, Any] = {"database_url": shared_database, "jwt_secret_key": SECRET}

    settings = Settings(**given, public_url=f"{PUBLIC_URL}/api/")

    assert settings.public_url == f"{PUBLIC_URL}/api"
    with pytest.raises(SettingsError, match="PUBLIC_URL"):
        Settings(**given, public_url="learn.example")


def test_the_repository_needs_no_key(signed: Flask, make_learner: MakeLearner) -> None:
    student = make_learner(signed)
    own = earn(student)
    with signed.app_context():
        engine = signed.extensions["sqlalchemy"].engine

    assert CertificateRepository(engine).find(own["certificateId"]).user_id == student.name
