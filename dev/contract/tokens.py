"""Bearer tokens in the manner of Svix, good and forged ones."""

import base64
import json
import secrets
import string
import time
from typing import Any

import jwt

JWT_SECRET = "contract-tests-sign-with-this-text-and-nothing-else"
_ID_CHARACTERS = string.ascii_letters + string.digits


def new_organisation_id() -> str:
    """An organisation that nobody has used: it is made on first use, and starts empty."""
    return "org_2" + "".join(secrets.choice(_ID_CHARACTERS) for _ in range(26))


def claims(subject: str, **others: Any) -> dict[str, Any]:
    now = int(time.time())
    return {"iss": "svix-server", "iat": now, "nbf": now - 5, "exp": now + 3_600, "sub": subject, **others}


def organisation_token(organisation_id: str) -> str:
    return sign(claims(organisation_id))


def application_token(organisation_id: str, application_id: str) -> str:
    return sign(claims(application_id, org=organisation_id))


def sign(payload: dict[str, Any], secret: str = JWT_SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(payload, secret, algorithm=algorithm)


def unsigned(payload: dict[str, Any], algorithm: str = "none", signature: bytes = b"") -> str:
    """A token whose header names any algorithm, with any signature: what no honest library would make."""
    header = {"alg": algorithm, "typ": "JWT"}
    parts = [json.dumps(part).encode() for part in (header, payload)] + [signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
