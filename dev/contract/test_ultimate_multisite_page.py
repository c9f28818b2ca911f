"""docs/ultimate-multisite.md: its commands work, and its table names tests that exist."""

import re

from pages import code, rows, run_commands, section
from semnal_server import ROOT

PAGE = "docs/ultimate-multisite.md"
TABLE = "What the original does, and what Semnal does"


def test_the_commands_of_the_page_work(server, receiver, tmp_path):
    address = receiver.url("").removeprefix("http://")
    printed = run_commands(PAGE, server, address, tmp_path)
    assert '"label":"Default"' in printed and '"name":"New customers"' in printed
    assert '"repeated":false' in printed and printed.count('"customer_created"') >= 3
    [request] = receiver.wait("/hook", 1)
    assert request.headers["webhook-event"] == "customer_created"


def test_every_behaviour_of_the_original_has_a_test_that_exists():
    listed = rows(section(PAGE, TABLE), 3)
    assert len(listed) > 40
    sources = [*(ROOT / "crates").rglob("*.rs"), *(ROOT / "dev/contract").glob("test_*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    exist = set(re.findall(r"^\s*(?:async )?(?:fn|def) (\w+)\(", text, re.MULTILINE))
    for original, here, test in listed:
        assert original and here and code(test) in exist, test
