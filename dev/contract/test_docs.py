"""The documentation says what the code does, and its commands work."""

import re

import pytest
from svix.api import MessageListOptions

from pages import code, constant, rows, run_commands, section, text_of
from semnal_server import ROOT
from verifying import verify

GUIDE = "docs/api.md"
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
API_SOURCES = "crates/semnal-server/src/api"


@pytest.fixture
def receiver_address(receiver):
    return receiver.url("").removeprefix("http://")


def test_the_commands_of_the_api_guide_work_in_their_order(server, svix, receiver, receiver_address, tmp_path):
    printed = run_commands(GUIDE, server, receiver_address, tmp_path)
    assert printed.startswith("ready\n") and "the ledger balances" in printed
    messages = svix.message.list("acme", MessageListOptions(with_content=True)).data
    assert [it.payload["invoice"] for it in messages] == [9, 8, 7], "the repeated request made a second message"
    endpoint = svix.endpoint.get("acme", "main")
    assert (endpoint.event_types, sorted(endpoint.channels)) == (None, ["eu", "us"])
    # Invoice 7, 9, and the resend of 7.
    receiver.wait("/hook", 3)


def test_the_commands_of_the_readme_work(server, receiver, receiver_address, tmp_path):
    before = len(receiver.requests("/hook"))
    printed = run_commands("README.md", server, receiver_address, tmp_path)
    assert "the ledger balances" in printed
    receiver.wait("/hook", before + 1)


def test_the_commands_about_request_bins_work(server, receiver_address, tmp_path):
    printed = run_commands("docs/request-bins.md", server, receiver_address, tmp_path)
    assert '"reason":"valid"' in printed and '"success":true' in printed and "\nlater" in printed
    assert "\necho" in printed and '"messageId":"msg_' in printed


def test_the_commands_about_signatures_lead_to_a_request_that_verifies(server, svix, receiver, receiver_address, tmp_path):
    before = len(receiver.requests("/hook"))
    run_commands("docs/verifying-signatures.md", server, receiver_address, tmp_path)
    received = receiver.wait("/hook", before + 1)[before:]
    secrets = [svix.endpoint.get_secret("default", it.id).key for it in svix.endpoint.list("default").data]
    assert any(accepts(secret, request) for secret in secrets for request in received)


def accepts(secret, request) -> bool:
    try:
        verify(secret, request)
    except Exception:
        return False
    return True


def test_the_operations_of_the_guide_are_those_of_the_server(raw):
    listed = rows(section(GUIDE, "Operations"), 2)
    assert len(listed) > 14
    for path_cell, methods_cell in listed:
        path = "/api/v1" + re.sub(r"\{\w+\}", "x", code(path_cell))
        answer = raw.send("PROPFIND", path)
        assert answer.status == 405, f"the server has no {path}"
        assert set(answer.headers["allow"].split(",")) & METHODS == set(methods_cell.split(", ")), path


def test_the_lists_of_the_guide_take_their_filters(raw, receiver, path):
    app, endpoint, message = "filters", "main", "one"
    raw.post("/api/v1/app", {"name": "Filters", "uid": app})
    raw.post(f"/api/v1/app/{app}/endpoint", {"url": receiver.url(path), "uid": endpoint})
    raw.post(f"/api/v1/app/{app}/msg", {"eventType": "a", "eventId": message, "payload": {}})
    raw.post("/api/v1/bin", {"uid": "filters"})
    listed = rows(section(GUIDE, "Lists"), 3)
    assert len(listed) == 8
    for path_cell, _, filters in listed:
        listing = "/api/v1" + code(path_cell).format(app_id=app, endpoint_id=endpoint, msg_id=message, bin_id="filters")
        assert raw.get(listing).status == 200, listing
        for name in re.findall(r"`(\w+)`", filters):
            # A filter that is known says what is wrong with its value.
            answer = raw.get(f"{listing}?{name}=%21")
            refused = answer.status == 422 and answer.json["detail"][0]["loc"] == ["query", name]
            assert refused or (name == "endpoint_id" and answer.status == 404), f"{listing} does not know {name}"


def test_the_limits_of_the_guide_are_the_constants_of_the_code():
    listed = rows(section(GUIDE, "Limits"), 4)
    assert len(listed) > 35
    for what, limit, unit, where in listed:
        assert unit, what
        names = re.findall(r"`([^`]+)`", where)
        if names[0] == "KEYS":
            default = re.search(rf'"{names[1]}",\s*"(\d+)"', text_of("crates/semnal-server/src/configuration.rs"))
            assert limit == f"{int(default.group(1)):,}", what
            continue
        file, name = names
        crate, path = file.split("/", 1)
        assert limit == constant(f"{crate}/{path}", name), what


def test_the_causes_of_the_guide_are_those_of_the_code():
    declared = set(re.findall(r'^    \w+ = "(\w+)", "', text_of("crates/semnal-core/src/attempt.rs"), re.MULTILINE))
    listed = {code(cells[0]) for cells in rows(section(GUIDE, "Deliveries and retries"), 2)}
    fields = {"status", "responseStatusCode", "response", "responseDurationMs", "triggerType", "cause"}
    assert len(declared) > 10 and listed - fields == declared


def test_the_kinds_of_problems_of_the_guide_are_those_of_the_code():
    kind = re.compile(r'"(missing|contradiction|out_of_range|(?:wrong|invalid|too|unknown)_[a-z_]+)"')
    sources = [path for path in (ROOT / API_SOURCES).rglob("*.rs") if "tests" not in str(path)]
    used = {name for path in sources for name in kind.findall(path.read_text(encoding="utf-8"))}
    # One is a code of its own, the other is of the command line.
    used -= {"invalid_json", "invalid_duration"}
    listed = {code(cells[0]) for cells in rows(section(GUIDE, "Errors"), 2)}
    assert len(used) > 10 and listed == used
