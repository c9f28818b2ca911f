"""The WordPress bridge loses nothing, sends nothing twice, and holds no page up."""

import itertools
import json
import re
import socket
import socketserver
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from raw_http import RawClient
from semnal_server import Server, free_port
from verify_examples import runtime
from waiting import DEADLINE_SECONDS
from wordpress_network import HARNESS, PLUGIN, VERSION, Network, Page, catalogue

PAGES = 50
EVENTS_PER_PAGE = 20
# What a page may lose to the bridge: its own second, and what a loaded machine adds.
PAGE_SECONDS_MAX = 1.5
# When nothing is tried: storing alone.
STORE_SECONDS_MAX = 0.5

_numbers = itertools.count(1)


@pytest.fixture
def application(raw, receiver, path):
    """An application of the test's own, whose events all go to `path`."""
    uid = f"network-{next(_numbers)}"
    assert raw.post("/api/v1/app", {"name": uid, "uid": uid}).status == 201
    assert raw.post(f"/api/v1/app/{uid}/endpoint", {"url": receiver.url(path)}).status == 201
    return uid


@pytest.fixture
def network(server, key, application, tmp_path):
    return Network(tmp_path, server.url, key, application)


def delivered(receiver, path, count: int) -> list[tuple[str, dict]]:
    """Returns slug and payload of each event that arrived, and proves that there are no more than `count`."""
    requests = receiver.wait(path, count)
    assert len(requests) == count
    return [(request.headers["webhook-event"], json.loads(request.body)) for request in requests]


def stored_messages(raw, application) -> list[dict]:
    """All messages of an application, oldest first."""
    messages, iterator = [], ""
    while True:
        page = raw.get(f"/api/v1/app/{application}/msg?limit=250{iterator}").json
        messages += page["data"]
        if page["done"]:
            return messages[::-1]
        iterator = f"&iterator={page['iterator']}"


def test_a_thousand_events_arrive_once_though_the_server_was_down_for_a_third_of_them(tmp_path, receiver):
    server = Server(tmp_path)
    server.start()
    try:
        network = Network(tmp_path, server.url, server.create_key("bridge"))
        endpoint = {"url": receiver.url("/thousand")}
        assert RawClient(server.port, network.constants["SEMNAL_API_KEY"]).post("/api/v1/app/default/endpoint", endpoint).status == 201
        down_from, down_to = PAGES // 3, 2 * PAGES // 3
        for page in range(PAGES):
            if page == down_from:
                server.stop()
            if page == down_to:
                server.start()
                network.constants["SEMNAL_URL"] = server.url
            happened = [["event", "payment_received", fired(page * EVENTS_PER_PAGE + n)] for n in range(EVENTS_PER_PAGE)]
            seen = network.page(*happened)
            assert seen.seconds < PAGE_SECONDS_MAX and not seen.sent_by_original, page
        network.cron(later_seconds=300)
        arrived = delivered(receiver, "/thousand", PAGES * EVENTS_PER_PAGE)
        wanted = [{**fired(n), "wu_version": VERSION} for n in range(PAGES * EVENTS_PER_PAGE)]
        assert sorted((payload for _, payload in arrived), key=lambda it: it["payment_id"]) == wanted
        # The order in which they were taken in; deliveries to a receiver run side by side.
        raw = RawClient(server.port, network.constants["SEMNAL_API_KEY"])
        assert [it["payload"] for it in stored_messages(raw, "default")] == wanted
        assert network.page().notices == "", "something is still waiting, or was refused"
    finally:
        server.stop()


def fired(number: int) -> dict:
    return {
        "payment_id": number + 1, "payment_total": "&euro; 9.00", "payment_total_raw": 9.5, "payment_gateway": None,
        "customer_id": 7, "customer_name": "Ștefan \"😀\" <b>/", "domain_active": "true", "number": number,
    }


def test_an_event_whose_answer_was_lost_is_no_second_event(server, network, receiver, path):
    answers_lost = LosesAnswers(server.port)
    try:
        network.constants["SEMNAL_URL"] = answers_lost.url
        network.page(["event", "site_published", {"site_id": 3, "site_title": "One"}])
        assert answers_lost.lost == 1
        delivered(receiver, path, 1)
    finally:
        answers_lost.close()
    network.constants["SEMNAL_URL"] = server.url
    network.cron(later_seconds=300)
    network.page(["event", "site_published", {"site_id": 4, "site_title": "Two"}])
    titles = [payload["site_title"] for _, payload in delivered(receiver, path, 2)]
    assert titles == ["One", "Two"]


def test_a_server_that_never_answers_costs_a_page_one_second_and_the_next_pages_nothing(network):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        network.constants["SEMNAL_URL"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        happened = [["event", "payment_received", fired(n)] for n in range(EVENTS_PER_PAGE)]
        first = network.page(*happened)
        assert 0.9 < first.seconds < PAGE_SECONDS_MAX
        assert first.seconds_before_shutdown < STORE_SECONDS_MAX, "it posted while the page was being made"
        second = network.page(*happened)
        assert second.seconds < STORE_SECONDS_MAX
    assert f"{2 * EVENTS_PER_PAGE} events wait" in second.notices


def test_while_one_page_waits_for_the_server_no_other_does(network):
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(1) as pool:
        silent.settimeout(DEADLINE_SECONDS)
        network.constants["SEMNAL_URL"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        network.page()
        waiting = pool.submit(network.page, ["event", "site_published", {"site_id": 1}])
        connection, _ = silent.accept()
        other = network.page(["event", "site_published", {"site_id": 2}])
        assert other.seconds < STORE_SECONDS_MAX
        assert waiting.result().seconds > 0.9
        silent.setblocking(False)
        with connection, pytest.raises(BlockingIOError):
            silent.accept()


def test_a_page_without_events_posts_nothing(network, receiver, path):
    url, network.constants["SEMNAL_URL"] = network.constants["SEMNAL_URL"], f"http://127.0.0.1:{free_port()}"
    network.page(["event", "site_published", {"site_id": 3}])
    network.constants["SEMNAL_URL"] = url
    network.page(["later", 300])
    assert receiver.requests(path) == []
    network.page(["event", "site_published", {"site_id": 4}])
    assert [payload["site_id"] for _, payload in delivered(receiver, path, 2)] == [3, 4]


def test_waits_grow_between_tries_and_cron_keeps_to_them(server, network, receiver, path):
    network.constants["SEMNAL_URL"] = f"http://127.0.0.1:{free_port()}"
    network.page(["event", "site_published", {"site_id": 3}])
    # The second try is due after 2 s, the third 4 s later.
    network.cron(later_seconds=2)
    network.constants["SEMNAL_URL"] = server.url
    network.cron(later_seconds=1)
    assert receiver.requests(path) == [] and "1 events wait" in network.page().notices
    network.cron(later_seconds=4)
    delivered(receiver, path, 1)
    assert network.page().notices == ""


def test_pages_at_the_same_time_send_each_event_once(network, receiver, path):
    def page(number: int) -> Page:
        return network.page(*(["event", "site_published", {"site_id": number * 100 + n}] for n in range(EVENTS_PER_PAGE)))

    network.page()
    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(page, range(1, 9)))
    assert all(it.sent_by_original == [] for it in seen)
    network.cron()
    sites = {payload["site_id"] for _, payload in delivered(receiver, path, 8 * EVENTS_PER_PAGE)}
    assert len(sites) == 8 * EVENTS_PER_PAGE


def test_the_original_sends_nothing_that_the_bridge_has(network, receiver, path):
    happened = ["event", "payment_received", fired(1)]
    assert network.page(happened, happened).sent_by_original == []
    delivered(receiver, path, 2)


def test_the_original_goes_on_sending_when_that_is_wanted(network, receiver, path):
    network.constants["SEMNAL_KEEP_ORIGINAL_SENDER"] = True
    assert network.page(["event", "payment_received", fired(1)]).sent_by_original == ["payment_received"]
    delivered(receiver, path, 1)


def test_the_original_sends_what_the_bridge_could_not_store(network):
    network.constants.update(SEMNAL_ROWS_MAX=1, SEMNAL_URL=f"http://127.0.0.1:{free_port()}")
    page = network.page(["event", "payment_received", fired(1)], ["event", "payment_received", fired(2)])
    assert page.sent_by_original == ["payment_received"]
    assert "1 events could not be stored" in page.notices


@pytest.mark.parametrize("model", ["customer", "membership", "payment"])
@pytest.mark.parametrize("is_new", [True, False])
def test_a_saved_model_becomes_the_event_that_the_original_forgets(network, receiver, path, model, is_new):
    slug = f"{model}_{'created' if is_new else 'updated'}"
    network.page(["save", model, {"id": 12, "status": "active"}, is_new])
    [(event, payload)] = delivered(receiver, path, 1)
    assert event == slug and payload[f"{model}_id"] == 12
    documented = set(catalogue()[slug]) | {"wu_version"}
    billing = {"company_name", "billing_country"}
    left_out = {key for key in documented if key.startswith("billing_")} - billing
    assert set(payload) == documented - left_out, "only what is filled in of a billing address is there"


LOGGED = {
    "checkout_started": {"form_slug": "main", "user_id": 2, "ip_address": "203.0.113.5", "referrer": ""},
    "checkout_step_completed": {"customer_id": 7, "membership_id": 5, "plan_id": 1, "cart_type": "new", "is_free": False},
    "checkout_completed": {
        "customer_id": 7, "membership_id": 5, "payment_id": 9, "payment_total": 9.5, "plan_slug": "gold",
        "cart_type": "new", "gateway": "stripe", "is_free": False,
    },
    "checkout_failed": {
        "error_codes": ["card"], "error_messages": {"card": "declined"}, "user_id": 2, "checkout_form": "main",
    },
    "subsite_post_created": {
        "post_id": 1, "post_title": "Hello", "post_type": "post", "post_status": "publish", "post_author_id": 2,
        "site_id": 3, "membership_id": 5, "object_type": "site", "object_id": 3,
    },
    "subsite_cpt_created": {
        "post_id": 1, "post_title": "Hello", "post_type": "book", "post_status": "publish", "post_author_id": 2,
        "site_id": 3, "membership_id": 5, "object_type": "site", "object_id": 3,
    },
    "subsite_user_registered": {
        "new_user_id": 4, "new_user_login": "ana", "new_user_email": "ana@example.com", "new_user_role": "editor",
        "site_id": 3, "membership_id": 5, "object_type": "site", "object_id": 3,
    },
    "subsite_woocommerce_order": {
        "order_id": 1, "order_total": "99.00", "order_status": "pending", "order_items": 1, "site_id": 3,
        "membership_id": 5, "object_type": "site", "object_id": 3,
    },
}


@pytest.mark.parametrize("slug", LOGGED)
def test_an_event_that_the_original_only_logs_has_its_documented_keys(network, receiver, path, slug):
    network.page(["log", slug, LOGGED[slug]], ["log", "changed", {"name": {"old_value": "a", "new_value": "b"}}])
    [(event, payload)] = delivered(receiver, path, 1)
    assert (event, set(payload)) == (slug, set(catalogue()[slug]) | {"wu_version"})
    own = {key: value for key, value in LOGGED[slug].items() if key in payload and not key.startswith("payment_total")}
    assert own.items() <= payload.items()


def test_every_other_event_of_the_catalogue_arrives_as_the_original_announces_it(network, receiver, path):
    saved = {f"{model}_{done}" for model in ("customer", "membership", "payment") for done in ("created", "updated")}
    announced = {slug: sample for slug, sample in catalogue().items() if slug not in saved | set(LOGGED)}
    assert len(catalogue()) == 23 and len(announced) == 9
    for sample in announced.values():
        # The samples are about models whose id is 0; real ones have another.
        sample.update({key: 5 for key in ("payment_id", "membership_id", "customer_id") if key in sample})
    network.page(*(["event", slug, sample] for slug, sample in announced.items()))
    arrived = dict(delivered(receiver, path, 9))
    assert arrived == {slug: {**sample, "wu_version": VERSION} for slug, sample in announced.items()}


def test_an_event_of_an_add_on_arrives(network, receiver, path):
    network.page(["event", "domain_renewed", {"domain": "example.com", "years": 2}])
    assert delivered(receiver, path, 1) == [("domain_renewed", {"domain": "example.com", "years": 2, "wu_version": VERSION})]


def test_a_login_is_no_update(network, receiver, path):
    before = {"id": 12, "vip": False, "type": None, "last_login": "2026-01-01 00:00:00", "ips": ["203.0.113.5"]}
    # As it goes to the database, where arrays are text.
    login = {"id": "12", "vip": "0", "type": "", "last_login": "2026-02-01 00:00:00", "ips": "a:0:{}", "before": before}
    network.page(["save", "customer", login, False])
    network.page(["save", "customer", {**login, "vip": "1"}, False])
    delivered(receiver, path, 1)
    # What differs in no column is kept elsewhere: a billing address.
    network.page(["save", "customer", {**before, "before": before}, False])
    delivered(receiver, path, 2)


def test_equal_updates_of_one_page_are_one_event(network, receiver, path):
    change = ["save", "customer", {"id": 12}, False]
    network.page(change, change, ["save", "customer", {"id": 13}, False])
    assert sorted(payload["customer_id"] for _, payload in delivered(receiver, path, 2)) == [12, 13]


def test_a_version_of_the_original_that_announces_saved_models_makes_no_second_event(network, receiver, path):
    page = network.page(["save", "customer", {"id": 12}, True], original_announces_models=True)
    assert page.sent_by_original == []
    assert [slug for slug, _ in delivered(receiver, path, 1)] == ["customer_created"]


def test_a_version_of_the_original_that_announces_what_it_logs_makes_no_second_event(network, receiver, path):
    network.page(["event", "checkout_started", LOGGED["checkout_started"]], ["log", "checkout_started", LOGGED["checkout_started"]])
    delivered(receiver, path, 1)


def test_whole_models_and_password_hashes_stay_in_the_network(network, receiver, path):
    model = {"user_pass": "$P$hash", "user_activation_key": "k", "meta": {"session_tokens": "x"}, "status": "active"}
    network.page(["event", "demo_site_expiring", {
        "site": {"blog_id": 3, **model}, "membership": {"id": 5, **model}, "customer": {"id": 7, **model},
        "demo_expires_at": "2026-03-01", "demo_time_remaining": "1 day", "site_admin_url": "a", "site_url": "b",
    }], ["event", "made_by_an_add_on", {"user": {"user_login": "ana", "user_pass": "$P$hash"}, "api_secret": "s"}])
    first, second = delivered(receiver, path, 2)
    assert set(first[1]) == set(catalogue()["demo_site_expiring"]) | {"wu_version"}
    assert (first[1]["site_id"], first[1]["customer_id"], first[1]["site_url"]) == (3, 7, "b")
    assert second[1] == {"user": {"user_login": "ana"}, "wu_version": VERSION}


def test_an_invented_customer_is_left_out(network, receiver, path):
    network.page(["event", "payment_received", {
        "payment_id": 4, "customer_id": 0, "customer_name": "John McMocked", "customer_user_email": "mockeduser@dev.dev",
    }])
    assert delivered(receiver, path, 1) == [("payment_received", {"payment_id": 4, "wu_version": VERSION})]


def test_an_event_that_is_refused_for_good_holds_nothing_up_and_is_shown(network, receiver, path):
    deep: dict = {}
    for _ in range(200):
        deep = {"more": deep}
    page = network.page(["event", "made_by_an_add_on", deep], ["event", "site_published", {"site_id": 3}])
    assert [slug for slug, _ in delivered(receiver, path, 1)] == ["site_published"]
    assert "1 events were refused for good, the last one with: 422" in page.notices
    month_later = network.page(["later", 2_600_000], ["cron"])
    assert month_later.notices == ""


def test_what_was_refused_does_not_count_as_waiting(network, receiver, path):
    deep: dict = {}
    for _ in range(200):
        deep = {"more": deep}
    network.constants["SEMNAL_ROWS_MAX"] = 3
    network.page(["event", "made_by_an_add_on", deep])
    for number in range(1, 6):
        page = network.page(["event", "site_published", {"site_id": number}])
        assert page.sent_by_original == []
    assert len(delivered(receiver, path, 5)) == 5


def test_a_refusal_that_is_not_semnals_own_loses_nothing(network, receiver, path):
    class Proxy(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.send_error(400, "The plain HTTP request was sent to HTTPS port")

        def log_message(self, *_):
            pass

    url = network.constants["SEMNAL_URL"]
    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        network.constants["SEMNAL_URL"] = f"http://127.0.0.1:{proxy.server_port}"
        page = network.page(["event", "site_published", {"site_id": 3}])
        assert "1 events wait" in page.notices and "400" in page.notices
        proxy.shutdown()
    network.constants["SEMNAL_URL"] = url
    network.cron(later_seconds=300)
    delivered(receiver, path, 1)


def test_an_add_on_may_use_the_names_of_models_for_what_it_likes(network, receiver, path):
    payload = {"site": "example.com", "payment": 12, "customer": {"name": "Ana"}, "years": 2}
    network.page(["event", "domain_renewed", payload])
    assert delivered(receiver, path, 1) == [("domain_renewed", payload | {"wu_version": VERSION})]


def test_a_wrong_key_loses_nothing(network, receiver, path, key):
    network.constants["SEMNAL_API_KEY"] = "semnal_wrong"
    page = network.page(["event", "site_published", {"site_id": 3}])
    assert "1 events wait" in page.notices and "401" in page.notices
    assert "semnal_wrong" not in page.notices + network.log
    network.constants["SEMNAL_API_KEY"] = key
    network.cron(later_seconds=300)
    delivered(receiver, path, 1)


@pytest.mark.parametrize("php, constants, told", [
    (("-d", "disable_functions=curl_init"), {}, "PHP has no curl extension here"),
    ((), {"SEMNAL_URL": "semnal.example.com"}, "SEMNAL_URL in wp-config.php must begin with"),
])
def test_without_what_it_needs_it_leaves_the_original_alone(network, php, constants, told):
    network.constants.update(constants)
    page = network.page(["event", "payment_received", fired(1)], php=php)
    assert page.sent_by_original == ["payment_received"] and told in page.notices
    assert not network.log, "PHP complained"


def test_only_network_admins_see_notices(network):
    network.constants["SEMNAL_API_KEY"] = "semnal_wrong"
    assert network.page(["event", "site_published", {}], capability="edit_posts").notices == ""


def test_cron_is_asked_once_and_on_the_main_site_only(network):
    assert network.page(main_site=False).times_scheduled == 0
    assert network.page().times_scheduled == 1
    assert network.page().times_scheduled == 1


@pytest.mark.parametrize("file", [PLUGIN, *HARNESS.parent.glob("*.php")], ids=lambda file: file.name)
def test_php_reads_the_file(file):
    done = subprocess.run([runtime("php"), "-l", str(file)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout


def test_the_plugin_is_written_in_the_php_of_7_4():
    newer = ["T_MATCH", "T_ENUM", "T_READONLY", "T_NULLSAFE_OBJECT_OPERATOR", "T_ATTRIBUTE"]
    program = f'foreach (token_get_all(file_get_contents("{PLUGIN}")) as $t) if (is_array($t)) echo token_name($t[0]), "\\n";'
    done = subprocess.run([runtime("php"), "-r", program], capture_output=True, text=True, timeout=30)
    assert not set(newer) & set(done.stdout.split()), "a token that PHP 7.4 does not know"
    text = PLUGIN.read_text(encoding="utf-8")
    assert not re.search(r"\b(str_contains|str_starts_with|str_ends_with|array_is_list|get_debug_type)\(", text)
    assert not re.search(r"catch \( ?\w+ ?\)|function __construct\( ?(public|private)|\): (static|mixed|never)\b|\w+\|\w+ \$", text)


class LosesAnswers:
    """Passes requests on to the server and drops what it answers."""

    def __init__(self, port: int):
        self.lost = 0
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                head = b"".join(iter(self.rfile.readline, b"\r\n"))
                length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
                body = self.rfile.read(length)
                with socket.create_connection(("127.0.0.1", port), timeout=20) as upstream:
                    upstream.sendall(head + b"\r\n" + body)
                    assert upstream.recv(65_536).startswith(b"HTTP/1.1 202")
                outer.lost += 1

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
