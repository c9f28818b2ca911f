"""Judges received requests with the verifiers of others."""

import pytest
import standardwebhooks
import svix.webhooks

from receiver import Request


def verify(secret: str, request: Request):
    """Accepts the raw bytes with both packages, by both names of the headers; a changed byte must fail."""
    headers = request.headers
    by_name = {
        prefix: {f"webhook-{part}": headers[f"{prefix}-{part}"] for part in ("id", "timestamp", "signature")}
        for prefix in ("webhook", "svix")
    }
    assert by_name["webhook"] == by_name["svix"]
    svix.webhooks.Webhook(secret).verify(request.body, headers)
    svix.webhooks.Webhook(secret).verify(request.body, by_name["webhook"])
    standardwebhooks.Webhook(secret).verify(request.body, by_name["webhook"])
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(secret).verify(request.body + b" ", by_name["webhook"])


def refuses(secret: str, request: Request) -> bool:
    try:
        standardwebhooks.Webhook(secret).verify(request.body, request.headers)
    except standardwebhooks.WebhookVerificationError:
        return True
    return False
