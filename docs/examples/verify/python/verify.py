"""Verifies webhooks signed after Standard Webhooks, scheme v1, with Python's standard library alone."""

import base64
import hashlib
import hmac
import re

TOLERANCE_SECONDS = 300


class Refused(Exception):
    """Why a request is not accepted."""


def verify(secret: str, headers, body: bytes, now: float) -> str:
    """Returns the id of the message, or raises Refused.

    `secret` is the endpoint's `whsec_…`. `headers` has a `get` that takes lower-case names. `body` is what arrived,
    byte for byte. `now` is in seconds since 1970.
    """
    if not secret.startswith("whsec_"):
        raise Refused("this needs a secret that begins with whsec_")
    message_id, timestamp, signatures = (
        headers.get(f"webhook-{part}") or headers.get(f"svix-{part}") or "" for part in ("id", "timestamp", "signature")
    )
    if not message_id or not re.fullmatch("[0-9]{1,12}", timestamp):
        raise Refused("the id or the timestamp is missing or malformed")
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise Refused("the timestamp is more than 5 minutes off")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode("latin-1") + body
    expected = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    # While a secret is being rotated there are several signatures; one that matches is enough.
    if not any(hmac.compare_digest(expected, one.encode("latin-1")) for one in signatures.split(" ")):
        raise Refused("no signature matches")
    return message_id
