"""The receivers that docs/verifying-signatures.md shows: each is run, against the project's vectors and a real server."""

import base64
import http.client
import json
import time
from datetime import UTC, datetime

import pytest
import standardwebhooks
from svix.api import (
    ApplicationIn,
    EndpointIn,
    EndpointSecretRotateIn,
    MessageAttemptListByMsgOptions,
    MessageIn,
)

from semnal_server import ROOT
from verify_examples import LANGUAGES, WITH_ED25519, Case, ExampleReceiver, judge
from waiting import wait_for

VECTORS = json.loads(
    (ROOT / "crates/semnal-core/tests/fixtures/standard_webhooks_vectors.json").read_text(encoding="utf-8")
)
OTHER_SECRET = {
    "v1": "whsec_" + base64.b64encode(bytes(range(200, 232))).decode(),
    "v1a": "whpk_PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=",
}
ED25519_SECRET = next(vector["secret"] for vector in VECTORS["positive"] if vector["kind"] == "v1a")


def case(vector, name, accepted, *, secret=None, now_offset=0, **changes):
    """A case made from a vector: as it is, or with something changed."""
    fields = {
        "message_id": vector["msg_id"],
        "timestamp": str(vector["timestamp"]),
        "signature": vector["expect"],
        "body": base64.b64decode(vector["body_b64"]),
        **changes,
    }
    secret = secret or vector.get("public") or vector["secret"]
    return Case(name, secret, vector["timestamp"] + now_offset, accepted=accepted, **fields)


def cases_of(vector):
    body = base64.b64decode(vector["body_b64"])
    tampered = {
        "a byte more": {"body": body + b" "},
        "another id": {"message_id": vector["msg_id"] + "x"},
        "another second": {"timestamp": str(vector["timestamp"] + 1)},
        "another secret": {"secret": OTHER_SECRET[vector["kind"]]},
        "no signature": {"signature": ""},
    }
    if body:
        tampered["a byte changed"] = {"body": bytes([body[0] ^ 1]) + body[1:]}
    yield case(vector, "as it is", True)
    yield case(vector, "299 s later", True, now_offset=299)
    yield case(vector, "301 s later", False, now_offset=301)
    if vector["timestamp"] > 301:
        yield case(vector, "301 s earlier", False, now_offset=-301)
    for name, changes in tampered.items():
        yield case(vector, name, False, **changes)


def header_of(entry):
    if entry["header"] is not None:
        return entry["header"]
    repeat = entry["header_repeat"]
    return repeat["sep"].join([repeat["item"]] * repeat["n"])


def other_cases():
    for entry in VECTORS["negative"] + VECTORS["accept_lists"]:
        base = VECTORS["positive"][entry["base_vector"]]
        yield case(base, entry["why"], entry["expect"] == "accept", signature=header_of(entry))
    base = VECTORS["positive"][0]
    for entry in VECTORS["timestamp_cases"]:
        accepted = entry["expect"] == "accept"
        if "raw" in entry:
            yield case(base, f"timestamp {entry['raw']!r}", accepted, timestamp=entry["raw"])
        else:
            yield case(base, f"offset {entry['offset_s']}", accepted, now_offset=-entry["offset_s"])


def all_cases(kinds):
    cases = [one for vector in VECTORS["positive"] if vector["kind"] in kinds for one in cases_of(vector)]
    return cases + list(other_cases())


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_example_judges_every_vector_as_the_server_does(language):
    kinds = {"v1", "v1a"} if language in WITH_ED25519 else {"v1"}
    cases = all_cases(kinds)
    assert len(cases) > 200 and sum(one.accepted for one in cases) > 45
    wrong = [
        f"{one.name}: {verdict}, expected {'accept' if one.accepted else 'refuse'}"
        for one, verdict in zip(cases, judge(language, cases), strict=True)
        if (verdict == "accept") != one.accepted
    ]
    assert wrong == []


def test_the_python_example_says_that_it_cannot_do_ed25519():
    [vector] = [one for one in VECTORS["positive"] if one["kind"] == "v1a"][:1]
    assert judge("python", [case(vector, "as it is", False)]) == ["refuse: this needs a secret that begins with whsec_"]


@pytest.fixture
def example(tmp_path, request):
    running = ExampleReceiver(request.param, tmp_path)
    yield running
    running.stop()


def send_and_wait(svix, app_id):
    """Sends an event and returns the message and its newest attempt."""
    message = svix.message.create(app_id, MessageIn(event_type="shop.opened", payload={"nume": "Ștefan 😀"}))
    return message, last_attempt(svix, app_id, message.id)


def last_attempt(svix, app_id, message_id, count=1):
    # The SDK asks for no content unless told otherwise.
    options = MessageAttemptListByMsgOptions(with_content=True)
    look = svix.message_attempt.list_by_msg
    attempts = wait_for(
        lambda: (found := look(app_id, message_id, options).data) and len(found) >= count and found,
        f"{count} attempts of {message_id}",
    )
    return attempts[0]


@pytest.mark.parametrize("example", LANGUAGES, indirect=True)
def test_an_example_verifies_a_delivery_of_a_running_server(svix, example):
    application = svix.application.create(ApplicationIn(name="Acme"))
    endpoint = svix.endpoint.create(application.id, EndpointIn(url=example.url))
    secret = svix.endpoint.get_secret(application.id, endpoint.id).key
    example.start(secret)
    message, attempt = send_and_wait(svix, application.id)
    assert (attempt.response_status_code, attempt.response) == (200, "verified"), attempt
    assert f"verified {message.id} shop.opened" in example.log

    svix.message_attempt.resend(application.id, message.id, endpoint.id)
    assert last_attempt(svix, application.id, message.id, 2).response == "repeated"
    assert f"repeated {message.id}" in example.log
    assert example.log.count(f"verified {message.id}") == 1

    # While the secret is being rotated, the receiver that has the old one goes on.
    svix.endpoint.rotate_secret(application.id, endpoint.id, EndpointSecretRotateIn())
    assert svix.endpoint.get_secret(application.id, endpoint.id).key != secret
    message, attempt = send_and_wait(svix, application.id)
    assert (attempt.response_status_code, attempt.response) == (200, "verified"), attempt
    assert f"verified {message.id} shop.opened" in example.log

    svix.endpoint.rotate_secret(application.id, endpoint.id, EndpointSecretRotateIn(grace_period_seconds=0))
    _, attempt = send_and_wait(svix, application.id)
    assert (attempt.response_status_code, attempt.response.strip()) == (400, "no signature matches"), attempt


@pytest.mark.parametrize("example", WITH_ED25519, indirect=True)
def test_an_example_verifies_a_delivery_signed_with_ed25519(svix, example):
    application = svix.application.create(ApplicationIn(name="Acme"))
    endpoint = svix.endpoint.create(application.id, EndpointIn(url=example.url, secret=ED25519_SECRET))
    public_key = svix.endpoint.get_secret(application.id, endpoint.id).key
    assert public_key.startswith("whpk_")
    example.start(public_key)
    message, attempt = send_and_wait(svix, application.id)
    assert (attempt.response_status_code, attempt.response) == (200, "verified"), attempt
    assert f"verified {message.id} shop.opened" in example.log


@pytest.mark.parametrize("prefix", ["webhook", "svix"])
@pytest.mark.parametrize("example", LANGUAGES, indirect=True)
def test_an_example_takes_both_names_of_the_headers_and_refuses_a_forgery(example, prefix):
    secret = VECTORS["positive"][0]["secret"]
    example.start(secret)
    body, now = b'{ "spacing":  "as it is" }', int(time.time())
    good = signed_headers(secret, prefix, now, body)
    assert post(example.port, body, good) == (200, "verified")
    assert post(example.port, body + b" ", good) == (400, "no signature matches")
    old = signed_headers(secret, prefix, now - 600, body)
    assert post(example.port, body, old) == (400, "the timestamp is more than 5 minutes off")
    forged = signed_headers(OTHER_SECRET["v1"], prefix, now, body)
    assert post(example.port, body, forged) == (400, "no signature matches")
    assert post(example.port, body, {})[0] == 400
    assert example.log.count("verified") == 1, example.log


def signed_headers(secret, prefix, unix_seconds, body):
    at = datetime.fromtimestamp(unix_seconds, UTC)
    signature = standardwebhooks.Webhook(secret).sign("msg_made_by_a_test", at, body.decode())
    return {
        f"{prefix}-id": "msg_made_by_a_test",
        f"{prefix}-timestamp": str(unix_seconds),
        f"{prefix}-signature": signature,
        "webhook-event": "shop.opened",
    }


def post(port, body, headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", "/hook", body=body, headers={"content-type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read().decode().strip()
    finally:
        connection.close()
