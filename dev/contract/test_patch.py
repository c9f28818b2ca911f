"""PATCH: what is absent stays, what is null is cleared; with the unmodified SDK and without it."""

import pytest
from svix.api import (
    ApplicationIn,
    ApplicationPatch,
    EndpointIn,
    EndpointPatch,
    EventTypeIn,
    EventTypePatch,
)


@pytest.fixture
def endpoint(svix, receiver, path):
    """An application's id and an endpoint with every field set."""
    application = svix.application.create(ApplicationIn(name="Acme"))
    return application.id, svix.endpoint.create(
        application.id,
        EndpointIn(
            url=receiver.url(path), description="Billing", uid="billing", throttle_rate=5, disabled=True,
            event_types=["invoice.paid"], channels=["ro"], metadata={"team": "a"},
        ),
    )


FIELDS = ("url", "description", "uid", "throttle_rate", "disabled", "event_types", "channels", "metadata")


@pytest.mark.parametrize(
    ("patch", "changed"),
    [
        ({}, {}),
        ({"description": "Accounting"}, {"description": "Accounting"}),
        ({"disabled": False}, {"disabled": False}),
        ({"metadata": {}}, {"metadata": {}}),
        ({"throttle_rate": None}, {"throttle_rate": None}),
        ({"uid": None}, {"uid": None}),
        ({"channels": None}, {"channels": None}),
        ({"event_types": None}, {"event_types": None}),
    ],
)
def test_a_patch_of_an_endpoint_changes_what_it_names(svix, endpoint, patch, changed):
    app_id, before = endpoint
    answer = svix.endpoint.patch(app_id, before.id, EndpointPatch(**patch))
    after = svix.endpoint.get(app_id, before.id)
    assert answer == after
    expected = {**{field: getattr(before, field) for field in FIELDS}, **changed}
    assert {field: getattr(after, field) for field in FIELDS} == expected


def test_null_where_a_value_must_be_is_refused_and_changes_nothing(svix, raw, endpoint):
    app_id, before = endpoint
    answer = raw.patch(f"/api/v1/app/{app_id}/endpoint/{before.id}", {"url": None, "description": "changed"})
    assert answer.status == 422, answer.body
    assert svix.endpoint.get(app_id, before.id) == before


def test_a_patch_of_an_application_changes_what_it_names(svix, path):
    uid = f"patched{path.replace('/', '-')}"
    made = svix.application.create(
        ApplicationIn(name="Acme", uid=uid, throttle_rate=9, metadata={"plan": "free"})
    )
    renamed = svix.application.patch(made.id, ApplicationPatch(name="Acme Ltd"))
    assert (renamed.name, renamed.uid, renamed.throttle_rate, renamed.metadata) == (
        "Acme Ltd", uid, 9, {"plan": "free"},
    )
    cleared = svix.application.patch(made.id, ApplicationPatch(uid=None, throttle_rate=None))
    assert (cleared.name, cleared.uid, cleared.throttle_rate, cleared.metadata) == (
        "Acme Ltd", None, None, {"plan": "free"},
    )


def test_a_patch_of_an_event_type_changes_what_it_names(fresh_svix):
    schemas = {"1": {"type": "object", "title": "Invoice"}}
    fresh_svix.event_type.create(EventTypeIn(name="invoice.paid", description="Paid", schemas=schemas))
    patched = fresh_svix.event_type.patch("invoice.paid", EventTypePatch(description="Was paid"))
    assert (patched.description, patched.schemas, patched.archived) == ("Was paid", schemas, False)
    cleared = fresh_svix.event_type.patch("invoice.paid", EventTypePatch(schemas=None))
    assert (cleared.description, cleared.schemas) == ("Was paid", None)


def test_a_put_creates_and_then_replaces(raw, path):
    uid = f"put{path.replace('/', '-')}"
    created = raw.put(f"/api/v1/app/{uid}", {"name": "Acme", "uid": uid, "metadata": {"a": "1"}})
    assert created.status == 201, created.body
    replaced = raw.put(f"/api/v1/app/{uid}", {"name": "Acme Ltd", "uid": uid})
    assert replaced.status == 200, replaced.body
    assert replaced.json["id"] == created.json["id"]
    assert (replaced.json["name"], replaced.json["metadata"]) == ("Acme Ltd", {})
