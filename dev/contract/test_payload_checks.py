"""Schemas that are enforced, examples, destinations and portals; the SDK unmodified where it knows the field."""

import pytest
from svix.api import (
    AppPortalAccessIn,
    AppPortalCapability,
    ApplicationIn,
    ApplicationTokenExpireIn,
    EndpointIn,
    EndpointPatch,
    EndpointSendExampleOptions,
    EventExampleIn,
    EventTypeDeleteOptions,
    EventTypeIn,
    EventTypeListOptions,
    EventTypePatch,
    MessageAttemptListAttemptedDestinationsOptions,
    MessageIn,
    MessageStatus,
    Svix,
    SvixOptions,
)
from svix.exceptions import HttpError, HTTPValidationError

from raw_http import RawClient
from semnal_server import Server
from verifying import verify
from waiting import wait_for

ORDER = {
    "type": "object",
    "required": ["customer"],
    "properties": {
        "customer": {"type": "object", "required": ["email"], "properties": {"email": {"type": "string"}}}
    },
    "examples": [{"customer": {"email": "ana@example.com"}}, {"customer": {"email": "ion@example.com"}}],
}


def name_of(path, prefix="order"):
    return f"{prefix}{path.replace('/', '.')}"


@pytest.fixture
def application(svix):
    return svix.application.create(ApplicationIn(name="Acme"))


def opened(server, token):
    return Svix(token, SvixOptions(server_url=server.url))


def status_of(call):
    with pytest.raises((HttpError, HTTPValidationError)) as refused:
        call()
    return refused.value.status_code


def enforce(raw, name):
    answer = raw.patch(f"/api/v1/event-type/{name}", {"schemaEnforced": True})
    assert answer.status == 200, answer.body


def test_a_payload_that_breaks_an_enforced_schema_never_becomes_a_message(svix, raw, application, receiver, path):
    name = name_of(path)
    svix.event_type.create(EventTypeIn(name=name, description="Paid", schemas={"1": ORDER}))
    svix.endpoint.create(application.id, EndpointIn(url=receiver.url(path)))
    enforce(raw, name)
    with pytest.raises(HTTPValidationError) as refused:
        svix.message.create(application.id, MessageIn(event_type=name, payload={"customer": {}}))
    assert [one.loc for one in refused.value.detail] == [["body", "payload", "customer", "email"]]
    svix.message.create(application.id, MessageIn(event_type=name, payload=ORDER["examples"][0]))
    [request] = receiver.wait(path, 1)
    assert request.headers["webhook-event"] == name
    assert len(svix.message.list(application.id).data) == 1


def test_an_enforced_schema_and_revoked_tokens_survive_a_restart(tmp_path):
    server = Server(tmp_path).start()
    try:
        key = server.create_key("restart")
        svix, raw = opened(server, key), RawClient(server.port, key)
        svix.event_type.create(EventTypeIn(name="order.paid", description="", schemas={"1": ORDER}))
        enforce(raw, "order.paid")
        svix.application.create(ApplicationIn(name="Acme", uid="acme"))
        kept = svix.authentication.app_portal_access("acme", AppPortalAccessIn())
        ended = svix.authentication.app_portal_access("acme", AppPortalAccessIn())
        assert kept.url == f"{server.url}/login#key={kept.token}"
        opened(server, ended.token).authentication.logout()
        server.stop()
        server.start()
        svix = opened(server, key)
        assert opened(server, kept.token).application.get("acme").uid == "acme"
        assert status_of(lambda: opened(server, ended.token).application.get("acme")) == 401
        assert status_of(
            lambda: svix.message.create("acme", MessageIn(event_type="order.paid", payload={}))
        ) == 422
        server.secrets += [kept.token, ended.token]
    finally:
        server.stop()


def test_an_example_is_delivered_to_one_endpoint_and_signed(svix, application, receiver, path):
    name = name_of(path)
    svix.event_type.create(EventTypeIn(name=name, description="Paid", schemas={"1": ORDER}))
    other = svix.endpoint.create(application.id, EndpointIn(url=receiver.url(f"{path}-other")))
    endpoint = svix.endpoint.create(application.id, EndpointIn(url=receiver.url(path), event_types=["another"]))
    options = EndpointSendExampleOptions(idempotency_key=f"example-{path}")
    message = svix.endpoint.send_example(application.id, endpoint.id, EventExampleIn(event_type=name), options)
    again = svix.endpoint.send_example(application.id, endpoint.id, EventExampleIn(event_type=name), options)
    assert message.id == again.id and message.payload == ORDER["examples"][0]
    [request] = receiver.wait(path, 1)
    assert request.headers["webhook-id"] == message.id
    verify(svix.endpoint.get_secret(application.id, endpoint.id).key, request)
    second = svix.endpoint.send_example(
        application.id, endpoint.id, EventExampleIn(event_type=name, example_index=1)
    )
    assert second.payload == ORDER["examples"][1]
    receiver.wait(path, 2)
    assert receiver.requests(f"{path}-other") == [] and other.id != endpoint.id
    with pytest.raises(HTTPValidationError) as refused:
        svix.endpoint.send_example(application.id, endpoint.id, EventExampleIn(event_type="none.such"))
    assert [one.loc for one in refused.value.detail] == [["body", "eventType"]]


def test_an_example_for_a_paused_endpoint_waits_until_it_is_resumed(svix, raw, application, receiver, path):
    name = name_of(path)
    svix.event_type.create(EventTypeIn(name=name, description="Paid", schemas={"1": ORDER}))
    endpoint = svix.endpoint.create(application.id, EndpointIn(url=receiver.url(path)))
    one = f"/api/v1/app/{application.id}/endpoint/{endpoint.id}"
    assert raw.patch(one, {"paused": True}).status == 200
    message = svix.endpoint.send_example(application.id, endpoint.id, EventExampleIn(event_type=name))
    [there] = svix.message_attempt.list_attempted_destinations(application.id, message.id).data
    assert there.status == MessageStatus.PENDING and receiver.requests(path) == []
    assert raw.patch(one, {"paused": False}).status == 200
    receiver.wait(path, 1)


def test_the_destinations_of_a_message_are_paged_and_say_how_far_it_has_come(svix, application, receiver, path):
    endpoints = [
        svix.endpoint.create(application.id, EndpointIn(url=receiver.url(f"{path}-{number}"), description=str(number)))
        for number in range(3)
    ]
    # The schedule has two retries: three failures in a row exhaust it.
    receiver.answer(f"{path}-1", [500, 500, 500])
    message = svix.message.create(application.id, MessageIn(event_type="order", payload={}))

    def decided():
        found = svix.message_attempt.list_attempted_destinations(application.id, message.id).data
        return found if all(one.status != MessageStatus.PENDING for one in found) else None

    found = wait_for(decided, "decision about each destination")
    assert [(one.id, one.status, one.description) for one in found] == [
        (endpoints[0].id, MessageStatus.SUCCESS, "0"),
        (endpoints[1].id, MessageStatus.FAIL, "1"),
        (endpoints[2].id, MessageStatus.SUCCESS, "2"),
    ]
    page = lambda iterator: svix.message_attempt.list_attempted_destinations(  # noqa: E731
        application.id, message.id, MessageAttemptListAttemptedDestinationsOptions(limit=2, iterator=iterator)
    )
    first = page(None)
    second = page(first.iterator)
    assert [one.id for one in second.data] == [endpoints[2].id] and second.done
    assert [one.id for one in page(second.prev_iterator).data] == [endpoints[0].id, endpoints[1].id]


def test_the_headers_of_an_attempt_are_those_that_the_receiver_saw(svix, raw, application, receiver, path):
    endpoint = {"url": receiver.url(path), "headers": {"X-Shop": "7", "Authorization": "Bearer hunter2"}}
    assert raw.post(f"/api/v1/app/{application.id}/endpoint", endpoint).status == 201
    message = svix.message.create(application.id, MessageIn(event_type="order", payload={"a": 1}))
    [request] = receiver.wait(path, 1)
    [attempt] = wait_for(lambda: svix.message_attempt.list_by_msg(application.id, message.id).data, "attempt")
    answer = raw.get(f"/api/v1/app/{application.id}/msg/{message.id}/attempt/{attempt.id}/headers").json
    assert answer["sentHeaders"].items() <= request.headers.items()
    left = set(request.headers) - set(answer["sentHeaders"])
    assert left == set(answer["sensitive"]) | {"host", "user-agent"}
    assert "hunter2" not in str(answer)
    assert ["content-type", "text/plain"] in answer["responseHeaders"]


def test_a_portal_token_opens_one_application_until_it_is_ended(svix, server, application, receiver, path):
    other = svix.application.create(ApplicationIn(name="Other"))
    flag = name_of(path, "flag")
    svix.event_type.create(EventTypeIn(name=name_of(path), description="", feature_flags=[flag]))
    assert svix.event_type.get(name_of(path)).feature_flags == [flag]
    give = lambda **more: svix.authentication.app_portal_access(application.id, AppPortalAccessIn(**more))  # noqa: E731
    token = give(expiry=3600, session_id=path).token
    portal = opened(server, token)
    endpoint = portal.endpoint.create(application.id, EndpointIn(url=receiver.url(path)))
    assert portal.endpoint.get_secret(application.id, endpoint.id).key.startswith("whsec_")
    for refused in (lambda: portal.application.list(), lambda: portal.application.delete(application.id)):
        assert status_of(refused) == 403
    assert status_of(lambda: portal.endpoint.list(other.id)) == 404
    everything = EventTypeListOptions(limit=250)
    shown = lambda client: name_of(path) in [one.name for one in client.event_type.list(everything).data]  # noqa: E731
    assert shown(svix) and not shown(portal)
    assert shown(opened(server, give(feature_flags=[flag]).token))

    reader = opened(server, give(read_only=True).token)
    assert reader.endpoint.get(application.id, endpoint.id).id == endpoint.id
    for refused in (
        lambda: reader.endpoint.patch(application.id, endpoint.id, EndpointPatch(description="x")),
        lambda: reader.endpoint.get_secret(application.id, endpoint.id),
        lambda: reader.endpoint.send_example(application.id, endpoint.id, EventExampleIn(event_type="order")),
    ):
        assert status_of(refused) == 403
    viewer = opened(server, give(capabilities=[AppPortalCapability.VIEW_ENDPOINT_SECRET]).token)
    assert viewer.endpoint.get_secret(application.id, endpoint.id).key.startswith("whsec_")

    svix.authentication.expire_all(application.id, ApplicationTokenExpireIn(session_ids=[path]))
    assert status_of(lambda: portal.endpoint.list(application.id)) == 401
    assert reader.endpoint.list(application.id).data
    reader.authentication.logout()
    assert status_of(lambda: reader.endpoint.list(application.id)) == 401
    svix.authentication.expire_all(application.id, ApplicationTokenExpireIn())
    assert status_of(lambda: viewer.endpoint.list(application.id)) == 401
    svix.authentication.logout()
    assert svix.application.get(application.id).id == application.id


def test_a_portal_link_makes_its_application(svix, server, path):
    uid = name_of(path, "app")
    made = svix.authentication.app_portal_access(
        uid, AppPortalAccessIn(application=ApplicationIn(name="New", uid=uid))
    )
    assert opened(server, made.token).application.get(uid).name == "New"


def test_flags_of_an_event_type_are_patched(svix, path):
    name = name_of(path)
    svix.event_type.create(EventTypeIn(name=name, description="", feature_flags=["a", "b"]))
    assert svix.event_type.patch(name, EventTypePatch(description="x")).feature_flags == ["a", "b"]
    assert svix.event_type.patch(name, EventTypePatch(feature_flags=[])).feature_flags is None


def test_a_deleted_event_type_is_archived_until_it_is_expunged(svix, application, receiver, path):
    name = name_of(path)
    listed = lambda **more: {  # noqa: E731
        one.name: one for one in svix.event_type.list(EventTypeListOptions(limit=250, **more)).data
    }
    svix.event_type.create(EventTypeIn(name=name, description="Paid", schemas={"1": ORDER}))
    assert listed()[name].schemas is None
    assert listed(with_content=True)[name].schemas == {"1": ORDER}
    svix.endpoint.create(application.id, EndpointIn(url=receiver.url(path), event_types=[name]))

    svix.event_type.delete(name)
    assert name not in listed() and listed(include_archived=True)[name].archived
    assert svix.event_type.get(name).archived
    # What exists keeps working: only what is offered changes.
    svix.message.create(application.id, MessageIn(event_type=name, payload=ORDER["examples"][0]))
    receiver.wait(path, 1)
    made = svix.event_type.create(EventTypeIn(name=name, description="Again"))
    assert (made.archived, made.description, made.schemas) == (False, "Again", None)

    svix.event_type.delete(name, EventTypeDeleteOptions(expunge=True))
    assert name not in listed(include_archived=True)
    assert status_of(lambda: svix.event_type.get(name)) == 404


def test_an_application_is_made_once_when_it_is_asked_for_so(svix, path):
    new = ApplicationIn(name="Acme", uid=name_of(path, "app"))
    made = svix.application.get_or_create(new)
    assert svix.application.get_or_create(new) == made
    assert status_of(lambda: svix.application.create(new)) == 409
