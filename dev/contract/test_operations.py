"""Every operation that the server has, at least once, with each unmodified SDK. One that nobody calls is named."""

from datetime import datetime, timedelta, timezone

import pytest
from svix.api import (
    ApplicationIn,
    ApplicationPatch,
    ApplicationTokenExpireIn,
    AppPortalAccessIn,
    AppUsageStatsIn,
    BulkReplayIn,
    EndpointHeadersIn,
    EndpointHeadersPatchIn,
    EndpointIn,
    EndpointPatch,
    EndpointSecretRotateIn,
    EventExampleIn,
    EventTypeIn,
    EventTypePatch,
    MessageIn,
    RecoverIn,
    ReplayIn,
    Svix,
    SvixOptions,
)
from svix.api.event_type import EventTypeDeleteOptions
from svix.exceptions import HttpError
from svix.models import BackgroundTaskStatus, EndpointUpsertIn, EventTypeUpsertIn

import tokens
from npm import PACKAGES, run_script
from operations import Recorded, is_served, operations_of, unused
from waiting import wait_for

# As many as the server had when this was written; fewer would mean that the count itself is broken.
OPERATIONS_MIN = 47
EVENT_TYPE = "order.paid"


def test_every_operation_of_the_python_sdk_works(server, raw, organisation_id, receiver, path):
    sdk = Svix(tokens.organisation_token(organisation_id), SvixOptions(server_url=server.url))
    called: set[str] = set()
    svix = Recorded(sdk, called)
    svix.health.get()
    event_types(svix)
    applications(svix)
    app = svix.application.create(ApplicationIn(name="Acme")).id
    endpoint = endpoints(svix, app, receiver.url(path))
    messages_and_attempts(svix, app, endpoint, receiver, path)
    bulk_work(svix, app, endpoint)
    expunging(svix, app, endpoint)
    portal(svix, app)
    svix.endpoint.delete(app, endpoint)
    svix.application.delete(app)
    check_complete(raw, list(operations_of(sdk)), called)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_operation_of_the_npm_sdks_works(server, raw, organisation_id, package):
    token = tokens.organisation_token(organisation_id)
    told = run_script("operations.mjs", package, SEMNAL_URL=server.url, SEMNAL_TOKEN=token)
    check_complete(raw, told["operations"], set(told["called"]))


def check_complete(raw, operations, called):
    assert unused(raw, operations, called) == []
    served = {(method, path) for name, method, path in operations if name in called}
    assert len(served) >= OPERATIONS_MIN, sorted(served)
    assert all(is_served(raw, method, path) for method, path in served), "the probe takes what is served for absent"


def test_an_operation_that_is_never_called_is_named(raw):
    operations = [("message.list", "GET", "/api/v1/app/x/msg"), ("message.fly", "POST", "/api/v1/app/x/fly")]
    assert unused(raw, operations, set()) == ["message.list: GET /api/v1/app/x/msg"]
    assert unused(raw, operations, {"message.list"}) == []


def event_types(svix):
    svix.event_type.create(EventTypeIn(name=EVENT_TYPE, description="Paid"))
    svix.event_type.create(EventTypeIn(name="order.lost", description="Lost"))
    assert svix.event_type.upsert(EVENT_TYPE, EventTypeUpsertIn(description="An order was paid")).name == EVENT_TYPE
    assert svix.event_type.patch(EVENT_TYPE, EventTypePatch(group_name="order")).group_name == "order"
    assert svix.event_type.get(EVENT_TYPE).description == "An order was paid"
    svix.event_type.delete("order.lost", EventTypeDeleteOptions(expunge=True))
    assert [it.name for it in svix.event_type.list().data] == [EVENT_TYPE]


def applications(svix):
    made = svix.application.get_or_create(ApplicationIn(name="One", uid="one"))
    assert svix.application.get_or_create(ApplicationIn(name="One", uid="one")).id == made.id
    assert svix.application.upsert("one", ApplicationIn(name="Two", uid="one")).name == "Two"
    assert svix.application.patch("one", ApplicationPatch(name="Three")).id == made.id
    assert svix.application.get("one").name == "Three"
    assert [it.id for it in svix.application.list().data] == [made.id]
    svix.application.delete("one")


def endpoints(svix, app, url) -> str:
    endpoint = svix.endpoint.create(app, EndpointIn(url=url, uid="main")).id
    assert svix.endpoint.upsert(app, "main", EndpointUpsertIn(url=url, uid="main", description="Main")).id == endpoint
    assert svix.endpoint.patch(app, endpoint, EndpointPatch(metadata={"a": "b"})).metadata == {"a": "b"}
    assert svix.endpoint.get(app, "main").description == "Main"
    assert [it.id for it in svix.endpoint.list(app).data] == [endpoint]
    old = svix.endpoint.get_secret(app, endpoint).key
    svix.endpoint.rotate_secret(app, endpoint, EndpointSecretRotateIn())
    assert svix.endpoint.get_secret(app, endpoint).key != old
    svix.endpoint.set_headers(app, endpoint, EndpointHeadersIn(headers={"x-shop": "7", "x-old": "1"}))
    svix.endpoint.patch_headers(app, endpoint, EndpointHeadersPatchIn(headers={}, delete_headers=["x-old"]))
    assert svix.endpoint.get_headers(app, endpoint).headers == {"x-shop": "7"}
    return endpoint


def messages_and_attempts(svix, app, endpoint, receiver, path):
    message = svix.message.create(app, MessageIn(event_type=EVENT_TYPE, payload={"n": 1})).id
    example = svix.endpoint.send_example(app, endpoint, EventExampleIn(event_type=EVENT_TYPE, payload={"n": 2})).id
    assert {it.headers["webhook-id"] for it in receiver.wait(path, 2)} == {message, example}
    assert svix.message.get(app, message).event_type == EVENT_TYPE
    assert message in [it.id for it in svix.message.list(app).data]
    [first] = wait_for(lambda: svix.message_attempt.list_by_msg(app, message).data, "attempt")
    assert svix.message_attempt.get(app, message, first.id).response_status_code == 200
    assert first.id in [it.id for it in svix.message_attempt.list_by_endpoint(app, endpoint).data]
    assert message in [it.id for it in svix.message_attempt.list_attempted_messages(app, endpoint).data]
    assert [it.id for it in svix.message_attempt.list_attempted_destinations(app, message).data] == [endpoint]
    svix.message_attempt.resend(app, message, endpoint)
    receiver.wait(path, 3)
    wait_for(lambda: svix.endpoint.get_stats(app, endpoint).success == 2, "two deliveries")


def bulk_work(svix, app, endpoint):
    now = datetime.now(timezone.utc)
    since = now - timedelta(hours=1)
    started = [
        svix.endpoint.recover(app, endpoint, RecoverIn(since=since)),
        svix.endpoint.replay_missing(app, endpoint, ReplayIn(since=since)),
        svix.endpoint.bulk_replay(app, endpoint, BulkReplayIn(since=since)),
        svix.statistics.aggregate_event_types(),
        svix.statistics.aggregate_app_stats(AppUsageStatsIn(since=since, until=now)),
    ]
    for it in started:
        finished = BackgroundTaskStatus.FINISHED
        wait_for(lambda it=it: svix.background_task.get(it.id).status == finished, f"finished {it.task}")
    assert {it.id for it in svix.background_task.list().data} == {it.id for it in started}


def expunging(svix, app, endpoint):
    attempt = svix.message_attempt.list_by_endpoint(app, endpoint).data[0]
    svix.message_attempt.expunge_content(app, attempt.msg_id, attempt.id)
    svix.message.expunge_content(app, attempt.msg_id)


def portal(svix, app):
    token = svix.authentication.app_portal_access(app, AppPortalAccessIn()).token
    own = Recorded(Svix(token, SvixOptions(server_url=svix._target._client.base_url)), svix._called)
    assert own.endpoint.list(app).data
    svix.authentication.expire_all(app, ApplicationTokenExpireIn())
    with pytest.raises(HttpError) as refused:
        own.endpoint.list(app)
    assert refused.value.status_code == 401
    svix.authentication.logout()
