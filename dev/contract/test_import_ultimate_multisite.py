"""`semnal import ultimate-multisite`: 250 recorded webhooks, from a network's REST API and from dumps of its database."""

import json
from pathlib import Path

import pytest

from semnal_server import Server
from ultimate_multisite import WEBHOOKS, Network, make_face

ALL = sorted(int(it["id"]) for it in WEBHOOKS)
INACTIVE = sorted(int(it["id"]) for it in WEBHOOKS if not it["active"])


@pytest.fixture
def network():
    running = Network(WEBHOOKS)
    yield running
    running.close()


@pytest.fixture
def server(tmp_path):
    running = Server(tmp_path).start()
    yield running
    running.stop()


def run(server, *arguments, expect: int = 0):
    done = server.command("import", "ultimate-multisite", "--json", *arguments)
    assert done.returncode == expect, done.stdout + done.stderr
    assert Network.SECRET not in done.stdout + done.stderr
    return json.loads(done.stdout), done.stderr


def of(network, tmp_path) -> list[str]:
    (tmp_path / "secret").write_text(Network.SECRET)
    return ["--url", network.url, "--key", Network.KEY, "--secret", f"@{tmp_path / 'secret'}"]


def listed(face) -> dict[int, dict]:
    pages = [face.get(f"/webhook?per_page=100&page={page}").json for page in (1, 2, 3)]
    return {it["id"]: it for page in pages for it in page}


def test_250_webhooks_come_in_three_pages_with_everything_they_are(server, network, tmp_path):
    found, progress = run(server, *of(network, tmp_path), "--dry-run")
    assert (found["dryRun"], found["imported"], found["madeActive"]) == (True, 250, INACTIVE[::-1])
    assert len(network.asked) == 3 and "page 3 of 3" in progress and "250 webhooks found" in progress
    face = make_face(server)
    assert face.get("/webhook").json == []

    found, _ = run(server, *of(network, tmp_path))
    assert (found["imported"], found["unchanged"], found["refused"]) == (250, 0, 0)
    assert found["madeActive"] == INACTIVE[::-1]
    here = listed(face)
    assert sorted(here) == ALL
    for original in WEBHOOKS:
        webhook = here[int(original["id"])]
        for field in ["name", "webhook_url", "event", "integration", "date_created", "date_last_failed"]:
            assert webhook[field] == original[field], field
        for field in ["event_count", "migrated_from_id"]:
            assert webhook[field] == int(original[field]), field
        assert webhook["active"] is True
    unknown = [it["event"] for it in found["webhooks"] if it["unknown_event"]]
    assert unknown == ["account_created"]

    before = server.command("config").stdout, here
    found, _ = run(server, *of(network, tmp_path))
    assert (found["imported"], found["unchanged"], found["refused"], found["madeActive"]) == (0, 250, 0, [])
    assert (server.command("config").stdout, listed(face)) == before
    assert face.webhook("https://example.com/")["id"] == ALL[-1] + 1


def test_an_old_network_without_pages_gives_everything_at_once(server, network, tmp_path):
    network.has_pages = False
    found, _ = run(server, *of(network, tmp_path))
    assert (found["imported"], len(network.asked)) == (250, 1)


def test_what_is_inactive_stays_so_when_asked_and_without_a_server_it_works_too(network, tmp_path):
    server = Server(tmp_path)
    found, _ = run(server, *of(network, tmp_path), "--keep-inactive")
    assert (found["imported"], found["madeActive"]) == (250, [])
    face_server = server.start()
    try:
        here = listed(make_face(face_server))
        assert sorted(number for number, it in here.items() if not it["active"]) == INACTIVE
    finally:
        server.stop()


def text(value) -> str:
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def dump(path: Path, *, named: bool, rows_per_insert: int) -> Path:
    """Writes the webhooks as mysqldump (columns not named) or phpMyAdmin does."""
    columns = ["id", "migrated_from_id", "name", "webhook_url", "event", "event_count", "active", "hidden", "integration",
               "date_last_failed", "date_created", "date_modified"]
    rows = []
    for it in WEBHOOKS:
        values = [int(it["id"]), int(it["migrated_from_id"]) or "NULL", text(it["name"]), text(it["webhook_url"]),
                  text(it["event"]), int(it["event_count"]), int(it["active"]), 0, text(it["integration"]),
                  text(it["date_last_failed"]), text(it["date_created"]), text(it["date_modified"])]
        rows.append("(" + ",".join(map(str, values)) + ")")
    names = " (" + ", ".join(f"`{name}`" for name in columns) + ")" if named else ""
    lines = ["-- a dump", "/*!40101 SET NAMES utf8mb4 */;", "INSERT INTO `wp_options` VALUES (1,'wu_webhooks; ','x');"]
    for start in range(0, len(rows), rows_per_insert):
        some = ",\n".join(rows[start : start + rows_per_insert])
        lines.append(f"INSERT INTO `wp_wu_webhooks`{names} VALUES {some};")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(("named", "rows_per_insert"), [(False, 250), (True, 50), (True, 1)])
def test_a_dump_gives_the_same_webhooks(server, tmp_path, named, rows_per_insert):
    file = dump(tmp_path / "dump.sql", named=named, rows_per_insert=rows_per_insert)
    found, _ = run(server, "--sql", str(file))
    assert (found["imported"], sorted(found["madeActive"])) == (250, INACTIVE)
    here = listed(make_face(server))
    assert {number: (it["name"], it["webhook_url"]) for number, it in here.items()} == {
        int(it["id"]): (it["name"], it["webhook_url"]) for it in WEBHOOKS
    }
    assert run(server, "--sql", str(file))[0]["unchanged"] == 250


def test_what_cannot_be_imported_is_said_and_ends_with_1(server, tmp_path):
    rows = "(1,'a','http://10.0.0.1/','a','manual',1),(2,'b','https://example.com/','a','manual',1)"
    file = tmp_path / "dump.sql"
    columns = "(id,name,webhook_url,event,integration,active)"
    file.write_text(f"insert into wp_wu_webhooks {columns} values {rows};")
    found, _ = run(server, "--sql", str(file), expect=1)
    assert (found["imported"], found["refused"]) == (1, 1)
    done = server.command("import", "ultimate-multisite", "--sql", str(file))
    assert done.returncode == 1 and "refused:     1  a: " in done.stdout


@pytest.mark.parametrize(
    ("change", "expected"),
    [(["--secret", "wrong"], "refuses the key"), (["--url", "{url}/sub"], "Enable API"), (["--url", "http://127.0.0.1:1"], "cannot be reached")],
)
def test_a_network_that_does_not_answer_as_it_should_is_explained(server, network, tmp_path, change, expected):
    arguments = dict(zip(*[iter(of(network, tmp_path))] * 2, strict=True))
    arguments[change[0]] = change[1].format(url=network.url)
    flat = [part for pair in arguments.items() for part in pair]
    done = server.command("import", "ultimate-multisite", *flat)
    assert done.returncode == 3 and expected in done.stderr, done.stderr


def test_a_file_or_an_application_that_is_not_there_is_a_usage_error(server, network, tmp_path):
    assert server.command("import", "ultimate-multisite", "--sql", str(tmp_path / "none.sql")).returncode == 2
    assert server.command("import", "ultimate-multisite").returncode == 2
    done = server.command("import", "ultimate-multisite", *of(network, tmp_path), "--app", "none")
    assert done.returncode == 2 and "none" in done.stderr
