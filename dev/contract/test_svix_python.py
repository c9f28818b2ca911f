"""The unmodified `svix` package from PyPI against the real server, over real sockets."""

import pytest
from svix.api import (
    ApplicationCreateOptions,
    ApplicationIn,
    EndpointHeadersIn,
    EndpointHeadersPatchIn,
    EndpointIn,
    EndpointPatch,
    EndpointSecretRotateIn,
    EventTypeIn,
    MessageAttemptListByEndpointOptions,
    MessageAttemptListByMsgOptions,
    MessageAttemptTriggerType,
    MessageCreateOptions,
    MessageGetOptions,
    MessageIn,
    MessageStatus,
)
from svix.exceptions import HttpError

from verifying import refuses, verify
from waiting import wait_for

EVENT_TYPE = "invoice.paid"
PAYLOAD = {"invoice": 7, "paid": True, "customer": {"name": "Ștefan"}}


def attempts_of(svix, app_id, message_id, count):
    """Returns the attempts of a message, newest first, as soon as there are `count` of them."""
    return wait_for(
        lambda: (found := svix.message_attempt.list_by_msg(app_id, message_id).data) and len(found) >= count and found,
        f"{count} attempts of {message_id}",
    )


def send(svix, app_id, **others):
    return svix.message.create(app_id, MessageIn(event_type=EVENT_TYPE, payload=PAYLOAD, **others))


def application_with_endpoint(svix, url):
    application = svix.application.create(ApplicationIn(name="Acme"))
    return application, svix.endpoint.create(application.id, EndpointIn(url=url))


def test_the_whole_story_from_application_to_deletion(svix, receiver, path):
    application = svix.application.create(ApplicationIn(name="Acme"))
    assert application.id.startswith("app_") and application.name == "Acme"
    event_type = svix.event_type.create(EventTypeIn(name=EVENT_TYPE, description="An invoice was paid"))
    assert svix.event_type.get(EVENT_TYPE) == event_type
    endpoint = svix.endpoint.create(application.id, EndpointIn(url=receiver.url(path), event_types=[EVENT_TYPE]))
    assert endpoint.id.startswith("ep_") and endpoint.event_types == [EVENT_TYPE]
    secret = svix.endpoint.get_secret(application.id, endpoint.id).key
    assert secret.startswith("whsec_")

    message = send(svix, application.id)
    assert message.id.startswith("msg_") and message.event_type == EVENT_TYPE
    [first] = receiver.wait(path, 1)
    assert first.method == "POST" and first.headers["webhook-id"] == message.id
    assert first.headers["content-type"] == "application/json"
    verify(secret, first)

    [attempt] = attempts_of(svix, application.id, message.id, 1)
    assert (attempt.status, attempt.response_status_code, attempt.response) == (MessageStatus.SUCCESS, 200, "")
    assert (attempt.endpoint_id, attempt.msg_id, attempt.url) == (endpoint.id, message.id, endpoint.url)
    assert svix.message_attempt.get(application.id, message.id, attempt.id).id == attempt.id

    svix.message_attempt.resend(application.id, message.id, endpoint.id)
    again = receiver.wait(path, 2)[1]
    assert again.headers["webhook-id"] == message.id and again.body == first.body
    verify(secret, again)
    triggers = [one.trigger_type for one in attempts_of(svix, application.id, message.id, 2)]
    assert triggers == [MessageAttemptTriggerType.MANUAL, MessageAttemptTriggerType.SCHEDULED]

    svix.endpoint.rotate_secret(application.id, endpoint.id, EndpointSecretRotateIn())
    new_secret = svix.endpoint.get_secret(application.id, endpoint.id).key
    assert new_secret != secret
    send(svix, application.id)
    overlapping = receiver.wait(path, 3)[2]
    assert len(overlapping.headers["webhook-signature"].split(" ")) == 2
    verify(secret, overlapping)
    verify(new_secret, overlapping)

    delete_and_prove_silence(svix, receiver, path, application.id, endpoint.id)


def delete_and_prove_silence(svix, receiver, path, app_id, endpoint_id):
    """What must not arrive is proved by what arrives later: the same message at another endpoint."""
    witness_path = path + "-witness"
    svix.endpoint.create(app_id, EndpointIn(url=receiver.url(witness_path)))
    svix.endpoint.delete(app_id, endpoint_id)
    message = send(svix, app_id)
    assert receiver.wait(witness_path, 1)[0].headers["webhook-id"] == message.id
    [attempt] = attempts_of(svix, app_id, message.id, 1)
    assert attempt.endpoint_id != endpoint_id
    assert len(receiver.requests(path)) == 3

    svix.application.delete(app_id)
    for call in (
        lambda: send(svix, app_id),
        lambda: svix.application.get(app_id),
        lambda: svix.endpoint.list(app_id),
        lambda: svix.message.get(app_id, message.id),
    ):
        with pytest.raises(HttpError) as refused:
            call()
        assert (refused.value.status_code, refused.value.code) == (404, "not_found")


def test_a_secret_rotated_without_overlap_stops_signing_at_once(svix, receiver, path):
    application, endpoint = application_with_endpoint(svix, receiver.url(path))
    old = svix.endpoint.get_secret(application.id, endpoint.id).key
    chosen = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    svix.endpoint.rotate_secret(
        application.id, endpoint.id, EndpointSecretRotateIn(key=chosen, grace_period_seconds=0)
    )
    assert svix.endpoint.get_secret(application.id, endpoint.id).key == chosen
    send(svix, application.id)
    [request] = receiver.wait(path, 1)
    verify(chosen, request)
    assert refuses(old, request)


def test_a_failed_attempt_is_retried_and_both_are_shown(svix, receiver, path):
    receiver.answer(path, [500])
    application, endpoint = application_with_endpoint(svix, receiver.url(path))
    message = send(svix, application.id)
    first, second = receiver.wait(path, 2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == message.id
    newest, oldest = attempts_of(svix, application.id, message.id, 2)
    assert (newest.status, newest.response_status_code) == (MessageStatus.SUCCESS, 200)
    assert (oldest.status, oldest.response_status_code) == (MessageStatus.FAIL, 500)
    with_content = svix.message_attempt.list_by_msg(
        application.id, message.id, MessageAttemptListByMsgOptions(with_content=True)
    ).data
    assert [one.response for one in with_content] == ["ok", "not now"]
    failed = svix.message_attempt.list_by_endpoint(
        application.id, endpoint.id, MessageAttemptListByEndpointOptions(status=MessageStatus.FAIL)
    ).data
    assert [one.id for one in failed] == [oldest.id]


def test_a_repeated_idempotency_key_gives_the_same_message_once(svix, receiver, path):
    application, _ = application_with_endpoint(svix, receiver.url(path))
    options = MessageCreateOptions(idempotency_key=f"once-{path}")
    message_in = MessageIn(event_type=EVENT_TYPE, payload=PAYLOAD)
    first = svix.message.create(application.id, message_in, options)
    second = svix.message.create(application.id, message_in, options)
    assert first.id == second.id
    other = send(svix, application.id)
    arrived = [request.headers["webhook-id"] for request in receiver.wait(path, 2)]
    assert sorted(arrived) == sorted([first.id, other.id])
    assert len(svix.message.list(application.id).data) == 2


def test_a_repeated_idempotency_key_gives_the_same_application(fresh_svix):
    options = ApplicationCreateOptions(idempotency_key="made-once")
    first = fresh_svix.application.create(ApplicationIn(name="Acme"), options)
    second = fresh_svix.application.create(ApplicationIn(name="Acme"), options)
    assert first.id == second.id
    assert [one.id for one in fresh_svix.application.list().data] == [first.id]


def test_an_event_id_twice_in_an_application_is_a_conflict(svix, receiver, path):
    application, _ = application_with_endpoint(svix, receiver.url(path))
    send(svix, application.id, event_id="order-1")
    with pytest.raises(HttpError) as refused:
        send(svix, application.id, event_id="order-1")
    assert (refused.value.status_code, refused.value.code) == (409, "conflict")
    other = svix.application.create(ApplicationIn(name="Other"))
    assert send(svix, other.id, event_id="order-1").event_id == "order-1"


def test_uids_work_in_every_path(svix, receiver, path):
    uid = f"acme{path.replace('/', '-')}"
    application = svix.application.create(ApplicationIn(name="Acme", uid=uid))
    endpoint = svix.endpoint.create(uid, EndpointIn(url=receiver.url(path), uid="billing"))
    assert svix.application.get(uid) == application
    assert svix.endpoint.get(uid, "billing") == svix.endpoint.get(application.id, endpoint.id)
    secret = svix.endpoint.get_secret(uid, "billing").key
    message = send(svix, uid, event_id="order-1")
    verify(secret, receiver.wait(path, 1)[0])
    assert svix.message.get(uid, "order-1").id == message.id
    [attempt] = attempts_of(svix, uid, "order-1", 1)
    assert svix.message_attempt.get(uid, "order-1", attempt.id).endpoint_id == endpoint.id
    svix.message_attempt.resend(uid, "order-1", "billing")
    receiver.wait(path, 2)
    assert [one.id for one in svix.message_attempt.list_by_endpoint(uid, "billing").data][-1] == attempt.id
    svix.endpoint.delete(uid, "billing")
    svix.application.delete(uid)
    with pytest.raises(HttpError) as gone:
        svix.application.get(uid)
    assert gone.value.status_code == 404


def test_a_message_goes_only_where_its_type_and_channels_are_wanted(svix, receiver, path):
    application = svix.application.create(ApplicationIn(name="Acme"))

    def add(name, **filters):
        return svix.endpoint.create(application.id, EndpointIn(url=receiver.url(f"{path}-{name}"), **filters))

    add("type", event_types=[EVENT_TYPE, "invoice.voided"])
    add("other-type", event_types=["invoice.voided"])
    add("channel", channels=["ro"])
    add("other-channel", channels=["de"])
    add("all")
    message = send(svix, application.id, channels=["ro"])
    for name in ("type", "channel", "all"):
        assert receiver.wait(f"{path}-{name}", 1)[0].headers["webhook-id"] == message.id
    assert len(attempts_of(svix, application.id, message.id, 3)) == 3
    assert receiver.requests(f"{path}-other-type") == receiver.requests(f"{path}-other-channel") == []


def test_a_payload_is_given_back_only_when_asked_for(svix):
    application = svix.application.create(ApplicationIn(name="Acme"))
    message = send(svix, application.id)
    assert svix.message.get(application.id, message.id).payload == {}
    assert svix.message.get(application.id, message.id, MessageGetOptions(with_content=True)).payload == PAYLOAD


def test_custom_headers_go_with_each_delivery(svix, receiver, path):
    application, endpoint = application_with_endpoint(svix, receiver.url(path))
    svix.endpoint.set_headers(application.id, endpoint.id, EndpointHeadersIn(headers={"X-Shop": "7", "X-Old": "1"}))
    svix.endpoint.patch_headers(
        application.id, endpoint.id, EndpointHeadersPatchIn(headers={"X-Shop": "8"}, delete_headers=["X-Old"])
    )
    assert svix.endpoint.get_headers(application.id, endpoint.id).headers == {"X-Shop": "8"}
    send(svix, application.id)
    headers = receiver.wait(path, 1)[0].headers
    assert headers["x-shop"] == "8" and "x-old" not in headers


def test_payload_and_response_are_expunged(svix, receiver, path):
    application, endpoint = application_with_endpoint(svix, receiver.url(path))
    message = send(svix, application.id)
    [attempt] = attempts_of(svix, application.id, message.id, 1)
    for _ in range(2):
        svix.message_attempt.expunge_content(application.id, message.id, attempt.id)
        svix.message.expunge_content(application.id, message.id)
    assert svix.message_attempt.get(application.id, message.id, attempt.id).response == "EXPUNGED"
    with_content = MessageGetOptions(with_content=True)
    assert svix.message.get(application.id, message.id, with_content).payload == {"expired": True}
    with pytest.raises(HttpError) as refused:
        svix.message_attempt.resend(application.id, message.id, endpoint.id)
    assert (refused.value.status_code, refused.value.code) == (400, "missing_payload")
    assert len(receiver.requests(path)) == 1


def test_what_is_cancelled_is_not_sent_when_its_endpoint_is_back(svix, raw, receiver, path):
    application = svix.application.create(ApplicationIn(name="Acme"))
    endpoint = svix.endpoint.create(application.id, EndpointIn(url=receiver.url(path), disabled=True))
    whole, single, kept = (send(svix, application.id) for _ in range(3))
    base = f"/api/v1/app/{application.id}/msg"
    for place in (f"{whole.id}/cancel", f"{single.id}/endpoint/{endpoint.id}/cancel"):
        assert raw.send("POST", f"{base}/{place}").status == 204
    svix.endpoint.patch(application.id, endpoint.id, EndpointPatch(disabled=False))
    assert receiver.wait(path, 1)[0].headers["webhook-id"] == kept.id
    attempts_of(svix, application.id, kept.id, 1)
    for message in (whole, single):
        [destination] = svix.message_attempt.list_attempted_destinations(application.id, message.id).data
        assert destination.status == MessageStatus.FAIL, "the word for SDKs that know no other"
    svix.message_attempt.resend(application.id, whole.id, endpoint.id)
    assert receiver.wait(path, 2)[1].headers["webhook-id"] == whole.id
