"""The first minutes with Semnal: the demo, and asking where deliveries may go."""

import base64
import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
import standardwebhooks

from semnal_server import ROOT, run_command

CASES = ROOT / "crates/semnal-core/tests/fixtures/ssrf_cases.json"


def test_the_demo_tells_its_story_and_succeeds(tmp_path):
    done = run_command("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert 5 <= len(done.stdout.splitlines()) <= 100, done.stdout
    assert "\x1b[" not in done.stdout, "colours without a terminal"
    assert "verif" in done.stdout.lower() and "payment_received" in done.stdout
    assert list(tmp_path.iterdir()) == [], "the demo left something behind"


def test_what_the_demo_caught_verifies_outside_it(tmp_path):
    done = run_command("demo", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert re.match(r"http://127\.0\.0\.1:\d+/", shown["url"])
    headers = {name.lower(): value for name, value in pairs(shown["headers"])}
    body = base64.b64decode(shown["bodyBase64"]) if "bodyBase64" in shown else shown["body"].encode()
    verifier = standardwebhooks.Webhook(shown["secret"])
    assert verifier.verify(body, headers) == json.loads(body)
    assert headers["webhook-event"] == "payment_received"
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        verifier.verify(body + b" ", headers)


def pairs(headers):
    return headers.items() if isinstance(headers, dict) else [tuple(pair) for pair in headers]


def test_two_demos_run_at_once(tmp_path):
    """On a temporary directory and free ports: one does not disturb the other."""
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _: run_command("demo", "--json", cwd=tmp_path), range(2)))
    assert [done.returncode for done in results] == [0, 0], [done.stderr for done in results]
    assert len({json.loads(done.stdout)["secret"] for done in results}) == 2


def test_every_case_of_the_address_policy_is_judged_as_written():
    cases = {case["id"]: case for case in json.loads(CASES.read_text(encoding="utf-8"))["cases"]}
    done = run_command("check-url", "--file", str(CASES), "--json")
    assert done.returncode in (0, 1), done.stderr
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(set(one) == {"id", "verdict", "reason"} and one["reason"] for one in verdicts)
    # The dynamic ones need a connection: redirects, pools, answers that change.
    decided = {one["id"]: one["verdict"] for one in verdicts if cases[one["id"]]["category"] != "dynamic"}
    expected = {name: case["expect"] for name, case in cases.items() if case["category"] != "dynamic"}
    assert len(expected) > 150
    assert decided == expected
    assert len({one["id"] for one in verdicts}) == len(verdicts), "a case was judged twice"


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["https://93.184.216.34/hook"], 0, "allow"),
        (["http://127.0.0.1/hook"], 1, "deny"),
        (["http://169.254.169.254/latest/meta-data/"], 1, "deny"),
        (["ftp://example.com/"], 1, "deny"),
        (["https://shop.example/hook", "--resolve", "shop.example=93.184.216.34"], 0, "allow"),
        (["https://shop.example/hook", "--resolve", "shop.example=10.0.0.7"], 1, "deny"),
    ],
)
def test_check_url_answers_with_its_exit_code_and_the_reason(arguments, code, word):
    done = run_command("check-url", *arguments)
    assert done.returncode == code, (done.stdout, done.stderr)
    assert word in done.stdout.lower()


@pytest.mark.parametrize("command", ["serve", "demo", "keys", "verify", "check-url", "doctor"])
def test_every_command_explains_itself(command):
    done = run_command(command, "--help")
    assert done.returncode == 0 and "Usage" in done.stdout


def test_a_wrong_flag_is_a_usage_error():
    assert run_command("serve", "--no-such-flag").returncode == 2


def test_the_doctor_finds_nothing_on_a_machine_that_is_well(tmp_path):
    done = run_command("doctor", "--json", "--data-dir", str(tmp_path / "new"), prefix=("env", "SEMNAL_LISTEN=127.0.0.1:0"))
    shown = json.loads(done.stdout)
    assert done.returncode == 0 and shown["healthy"], shown
    assert {one["check"] for one in shown["checks"]} >= {"server", "data directory", "disk", "listen address"}
    assert not (tmp_path / "new").exists(), "the doctor made something"


def test_the_doctor_says_what_is_wrong_and_what_to_do(tmp_path):
    (tmp_path / "holiday.jpg").write_text("x", encoding="utf-8")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run_command("doctor", "--data-dir", str(tmp_path), prefix=("env", f"SEMNAL_LISTEN={address}"))
    assert done.returncode == 1, done.stdout
    assert "holiday.jpg" in done.stdout and "--data-dir" in done.stdout
    assert address in done.stdout and "--listen" in done.stdout
