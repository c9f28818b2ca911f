"""The unmodified `svix` (both generations) and `standardwebhooks` packages from npm, told only the URL and a token."""

import json

import pytest
from svix.api import ApplicationIn, EndpointIn, MessageIn

from npm import PACKAGES, run_script


@pytest.mark.parametrize("package", PACKAGES)
def test_the_story_from_application_to_deletion(server, key, package):
    told = run_script("story.mjs", package, SEMNAL_URL=server.url, SEMNAL_TOKEN=key)
    assert told["steps"] == [
        "application", "event type", "endpoint", "secret", "delivered", "verified", "attempts", "resent", "expunged",
        "rotated", "deleted",
    ]


@pytest.mark.parametrize("package", [*PACKAGES, "standardwebhooks"])
def test_a_received_request_verifies(svix, receiver, path, package):
    application = svix.application.create(ApplicationIn(name="Acme"))
    endpoint = svix.endpoint.create(application.id, EndpointIn(url=receiver.url(path)))
    secret = svix.endpoint.get_secret(application.id, endpoint.id).key
    svix.message.create(application.id, MessageIn(event_type="shop.opened", payload={"nume": "Ștefan 😀"}))
    [request] = receiver.wait(path, 1)
    result = run_script(
        "verify.mjs", package, SECRET=secret, BODY_HEX=request.body.hex(), HEADERS=json.dumps(request.headers)
    )
    assert result == {"payload": {"nume": "Ștefan 😀"}, "changedBodyRefused": True, "otherSecretRefused": True}
