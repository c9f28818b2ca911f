"""What the original's own tests assert about its REST API, row by row, against this server.

Rows about PHP functions, admin pages and its own database have no counterpart here, and are not rows of this file.
"""

import base64
import json

import pytest

from ultimate_multisite import FORBIDDEN, Face, make_face, refused

FIELDS = {"name": "A name", "webhook_url": "https://example.com/", "event": "payment_received", "integration": "manual"}
OPTIONAL = {
    "event_count": 5, "active": True, "hidden": True, "date_created": "2026-05-30 21:36:50",
    "date_modified": "2026-05-30 21:36:51", "migrated_from_id": 3, "skip_validation": True,
}
MODEL = ("webhook", "wu_rest_webhook")


@pytest.fixture(scope="module")
def face(server):
    return make_face(server)


@pytest.fixture
def own(server, raw, path):
    """A face of an application of its own, where lists hold only what the test made."""
    uid = path.strip("/")
    raw.post("/api/v1/app", {"name": "Own", "uid": f"checklist-{uid}"})
    return make_face(server, f"checklist-{uid}")


# ---- the model of a webhook


@pytest.mark.parametrize("integration", ["manual", "stripe", "paypal", "zapier"])
def test_what_was_set_is_read(face, integration):
    made = face.webhook("https://example.com/x", **{**OPTIONAL, "integration": integration})
    assert made["integration"] == integration
    assert (made["name"], made["webhook_url"], made["event"]) == ("Mine", "https://example.com/x", "payment_received")
    assert (made["active"], made["hidden"], made["event_count"]) == (True, True, 5)


@pytest.mark.parametrize("field", ["name", "webhook_url", "event"])
def test_name_url_and_event_are_required(face, field):
    refused(face.send("POST", "/webhook", {**FIELDS, field: ""}), 400, field)


@pytest.mark.parametrize("url", ["ftp://example.com/", "gopher://example.com/", "example.com", "//example.com"])
def test_a_url_is_http_or_https(face, url):
    refused(face.send("POST", "/webhook", {**FIELDS, "webhook_url": url}), 400, "webhook_url")


def test_an_empty_webhook_is_an_error(face):
    refused(face.send("POST", "/webhook", {}), 400, "rest_missing_callback_param")


def test_skip_validation_lets_it_be_saved(face):
    fields = {**FIELDS, "name": "", "skip_validation": True}
    assert face.send("POST", "/webhook", fields).status == 200
    refused(face.send("POST", "/webhook", {**fields, "skip_validation": False}), 400, "name")


def test_delete_works(face):
    number = face.webhook("https://example.com/")["id"]
    assert face.send("DELETE", f"/webhook/{number}").status == 200
    refused(face.get(f"/webhook/{number}"), 404, "wu_rest_webhook_invalid_id")


def test_an_object_has_its_columns_and_nothing_of_the_inside(face):
    made = face.webhook("https://example.com/")
    assert {"id", "name", "webhook_url", "event"} <= set(made)
    assert not {"query_class", "meta"} & set(made)
    assert list(made) == [
        "id", "model", "slug", "date_created", "date_modified", "migrated_from_id", "name", "webhook_url", "event",
        "event_count", "active", "hidden", "integration", "date_last_failed",
    ]


# ---- its functions


def test_an_unknown_id_is_nothing_a_list_is_an_array_and_what_is_made_is_read_back(own):
    refused(own.get("/webhook/424242"), 404, "wu_rest_webhook_invalid_id")
    assert own.get("/webhook").json == []
    made = own.webhook("https://example.com/", active=True, skip_validation=True)
    assert own.get(f"/webhook/{made['id']}").json == made
    assert own.get("/webhook").json == [made]


# ---- the schema


def test_create_requires_exactly_four_fields(face):
    answer = face.send("POST", "/webhook", OPTIONAL)
    assert answer.json["data"]["params"] == ["name", "webhook_url", "event", "integration"]
    assert face.send("POST", "/webhook", FIELDS).status == 200


@pytest.mark.parametrize("field", [*OPTIONAL, "date_last_failed"])
def test_create_takes_every_optional_field(face, field):
    value = OPTIONAL.get(field, "0000-00-00 00:00:00")
    assert face.send("POST", "/webhook", {**FIELDS, field: value}).status == 200


def test_update_requires_nothing_and_takes_what_create_takes(face):
    number = face.webhook("https://example.com/")["id"]
    assert face.send("PUT", f"/webhook/{number}", {}).status == 200
    for field, value in {**FIELDS, **OPTIONAL}.items():
        assert face.send("PUT", f"/webhook/{number}", {field: value}).status == 200, field


# ---- lists


@pytest.mark.parametrize(("total", "per_page", "page", "pages"), [(5, 3, 1, 2), (10, 3, 2, 4)])
def test_the_headers_of_a_page_are_the_totals(own, total, per_page, page, pages):
    for _ in range(total):
        own.webhook("https://example.com/")
    answer = own.get(f"/webhook?per_page={per_page}&page={page}")
    assert (answer.headers["x-wp-total"], answer.headers["x-wp-totalpages"]) == (str(total), str(pages))
    assert len(answer.json) == per_page


def test_pages_have_10_of_at_most_100_and_begin_at_1(own):
    for _ in range(12):
        own.webhook("https://example.com/")
    first = own.get("/webhook").json
    assert len(first) == 10
    for query in ["page=1", "page=0", "per_page=0", "per_page=-1", "per_page=x", "page=x&per_page=10"]:
        assert own.get(f"/webhook?{query}").json == first, query
    assert own.get("/webhook?per_page=101").headers["x-wp-totalpages"] == "1"


# ---- errors


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_an_unknown_id_is_an_invalid_id(face, method):
    refused(face.send(method, "/webhook/424242", {} if method != "GET" else None), 404, "wu_rest_webhook_invalid_id")


@pytest.mark.parametrize("field", ["id", "date_last_failed", "something"])
def test_a_field_without_a_setter_is_an_invalid_method(face, field):
    number = face.webhook("https://example.com/")["id"]
    refused(face.send("POST", f"/webhook/{number}", {field: 1}), 400, "wu_rest_webhook_invalid_set_method")


def test_credentials_are_no_fields(face):
    number = face.webhook("https://example.com/")["id"]
    fields = {name: "x" for name in ["api_key", "api_secret", "api-key", "api-secret"]}
    assert face.send("POST", f"/webhook/{number}", fields).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/webhook"), ("POST", "/webhook"), ("GET", "/webhook/1"), ("PUT", "/webhook/1"), ("DELETE", "/webhook/1"),
     ("GET", "/hooks"), ("GET", "/auth"), ("GET", "/event"), ("POST", "/event")],
)
def test_without_credentials_everything_is_denied(face, method, path):
    answer = face.bare(method, path, None if method == "GET" else b"{}")
    assert (answer.status, answer.json) == (401, FORBIDDEN)


# ---- who gets in


def test_only_the_right_pair_gets_in(server, face):
    for key, secret in [("x", face.secret), (face.key, "x"), ("x", "x"), ("", ""), ("prevent", "prevent")]:
        refused(Face(server.port, key, secret).get("/auth"), 401, "rest_forbidden")
    assert face.get("/auth").status == 200


@pytest.mark.parametrize(("key", "secret"), [("api_key", "api_secret"), ("api-key", "api-secret")])
def test_the_pair_may_be_parameters(face, key, secret):
    assert face.bare("GET", f"/auth?{key}={face.key}&{secret}={face.secret}").status == 200
    body = json.dumps({key: face.key, secret: face.secret, **FIELDS}).encode()
    assert face.bare("POST", "/webhook", body).status == 200
    form = f"{key}={face.key}&{secret}={face.secret}".encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert face.bare("POST", "/webhook", form, headers).json["code"] == "rest_invalid_json"


def test_basic_wins_over_parameters(face):
    wrong = {"authorization": "Basic " + base64.b64encode(b"x:y").decode()}
    refused(face.bare("GET", f"/auth?api_key={face.key}&api_secret={face.secret}", headers=wrong), 401, "rest_forbidden")
    assert face.send("GET", "/auth?api_key=x&api_secret=y").status == 200


def test_auth_answers_with_success_label_and_message(face):
    assert face.get("/auth").json == {"success": True, "label": "Default", "message": "Welcome to our API"}


# ---- events


def test_hooks_have_every_type_with_its_sample_evaluated(face):
    hooks = face.get("/hooks").json
    assert {"payment_received", "site_published", "membership_expired"} <= set(hooks)
    for slug, hook in hooks.items():
        assert set(hook) == {"name", "desc", "payload", "deprecated_args"}, slug
        assert hook["name"] and hook["desc"] and hook["payload"], slug
    assert hooks["payment_received"]["deprecated_args"]["status"] == "payment_status"
    assert hooks["site_published"]["deprecated_args"] == []


@pytest.mark.parametrize(
    "slug",
    ["checkout_started", "checkout_step_completed", "checkout_completed", "checkout_failed", "subsite_post_created",
     "subsite_cpt_created", "subsite_user_registered", "subsite_woocommerce_order"],
)
def test_the_types_of_the_funnel_and_of_subsites_are_registered(face, slug):
    assert slug in face.get("/hooks").json


def test_firing_adds_the_version_before_anybody_gets_it(face):
    fired = face.fire("payment_received", {"payment_id": 1})
    assert fired["payload"] == {"payment_id": 1, "wu_version": "2.4.13-beta.1"}


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_severities_have_their_labels(face, severity):
    fields = {"slug": "a", "payload": {"k": 1}, "initiator": "manual", "object_type": "site", "severity": severity}
    made = face.send("POST", "/event", fields).json
    assert made["severity_label"] == ["Success", "Neutral", "Info", "Warning", "Fatal"][severity - 1]
    assert (made["message"], made["initiator"], made["object_type"]) == ("No Message", "manual", "site")
    assert {"payload", "message", "severity_label", "severity_classes", "author"} <= set(made)


@pytest.mark.parametrize("severity", [0, 6, "x"])
def test_no_other_severity_exists(face, severity):
    fields = {"slug": "a", "payload": {"k": 1}, "initiator": "system", "object_type": "site", "severity": severity}
    assert face.send("POST", "/event", fields).status == 400
