"""What a good refusal looks like: a clear status, a stable form, nothing stored, nothing leaked."""

import re

from raw_http import Answer, RawClient

# What belongs in logs, if anywhere: our sources, the database, the machine.
INTERNALS = re.compile(
    rb"panick|\.rs:\d|rusqlite|sqlite|serde|select .* from|/home/|/tmp/|/root/|backtrace|whsec_", re.IGNORECASE
)


def assert_error(answer: Answer, status: int, code: str | None = None, hidden: tuple[str | None, ...] = ()):
    """`{code, detail}`: a stable code for programs, a sentence for people."""
    assert answer.status == status, (answer.status, answer.body[:500])
    assert set(answer.json) == {"code", "detail"}, answer.json
    assert re.fullmatch(r"[a-z][a-z0-9_]*", answer.json["code"]), answer.json
    assert len(answer.json["detail"]) > 5, answer.json
    if code is not None:
        assert answer.json["code"] == code, answer.json
    assert_nothing_leaked(answer, hidden)


def assert_validation_error(answer: Answer, location: str | None = None, hidden: tuple[str, ...] = ()):
    """422 `{detail: [{loc, msg, type}]}`, and the place names what is wrong."""
    assert answer.status == 422, (answer.status, answer.body[:500])
    assert set(answer.json) == {"detail"} and answer.json["detail"], answer.json
    for problem in answer.json["detail"]:
        assert set(problem) == {"loc", "msg", "type"}, problem
        assert all(isinstance(part, str) for part in problem["loc"]), problem
        assert problem["msg"] and re.fullmatch(r"[a-z][a-z0-9_.]*", problem["type"]), problem
    if location is not None:
        assert any(location in problem["loc"] for problem in answer.json["detail"]), answer.json
    assert_nothing_leaked(answer, hidden)


def assert_nothing_leaked(answer: Answer, hidden: tuple[str | None, ...] = ()):
    assert answer.headers["content-type"].startswith("application/json")
    assert not INTERNALS.search(answer.body), answer.body[:500]
    for text in filter(None, hidden):
        assert text.encode() not in answer.body, "the answer has a secret"


class Stored:
    """All that one organisation has, as its lists show it; two of them are equal when nothing was stored between."""

    def __init__(self, raw: RawClient):
        self.lists = {}
        for path in ("/api/v1/app", "/api/v1/event-type"):
            self.lists[path] = everything(raw, path)
        for application in self.lists["/api/v1/app"]:
            for kind in ("endpoint", "msg"):
                path = f"/api/v1/app/{application['id']}/{kind}"
                self.lists[path] = everything(raw, path)

    def __eq__(self, other):
        return self.lists == other.lists

    def __repr__(self):
        return repr({path: len(items) for path, items in self.lists.items()})


def everything(raw: RawClient, path: str) -> list:
    items, iterator, done = [], None, False
    while not done:
        answer = raw.get(f"{path}?limit=250" + (f"&iterator={iterator}" if iterator else ""))
        assert answer.status == 200, answer.body
        items += answer.json["data"]
        iterator, done = answer.json["iterator"], answer.json["done"]
    return items
