"""Reads the pages of the documentation: their tables, and the commands that they show.

A fenced block marked `sh` is run by test_docs.py, block after block of one page in one shell. Blocks with any other
mark are not.
"""

import math
import os
import re
import subprocess
from pathlib import Path

from semnal_server import ROOT, Server, binary, environment

COMMANDS_SECONDS = 60
# A server runs already, and the binary is built already.
NOT_RUN = re.compile(r"semnal serve\b|cargo build\b|export PATH=")
SHELL = """
set -euo pipefail
curl() { command curl --show-error --fail-with-body "$@"; }
"""


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    """Returns what stands under a heading, up to the next one of its level."""
    after = text_of(page).split(f"\n## {heading}\n", 1)[1]
    return after.split("\n## ", 1)[0]


def rows(text: str, columns: int) -> list[list[str]]:
    """Returns the rows of the tables with so many columns, without their heads."""
    lines = text.splitlines()
    is_rule = [line.startswith("|--") for line in lines]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else [] for line in lines]
    head_or_rule = [rule or below for rule, below in zip(is_rule, [*is_rule[1:], False], strict=True)]
    return [row for row, no_row in zip(cells, head_or_rule, strict=True) if len(row) == columns and not no_row]


def code(cell: str) -> str:
    """Returns the first `code` in a cell."""
    found = re.search(r"`([^`]+)`", cell)
    return found.group(1) if found else ""


def commands(page: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```$", text_of(page), re.DOTALL | re.MULTILINE)


def run_commands(page: str, server: Server, receiver_address: str, directory: Path) -> str:
    """Runs the commands of a page against a server, and returns what they printed. The first that fails ends it."""
    blocks = commands(page)
    assert blocks, f"{page} shows no commands"
    lines = [line for block in blocks for line in block.splitlines() if not NOT_RUN.match(line)]
    script = SHELL + "\n".join(lines) + "\n"
    script = script.replace("127.0.0.1:8080", f"127.0.0.1:{server.port}").replace("127.0.0.1:9000", receiver_address)
    tools = directory / "bin"
    tools.mkdir()
    (tools / "semnal").symlink_to(binary())
    done = subprocess.run(
        ["bash", "-c", script], cwd=directory,
        env=environment(PATH=f"{tools}:{os.environ['PATH']}", SEMNAL_DATA_DIR=str(server.data_directory)),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMANDS_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def constant(file: str, name: str) -> str:
    """Returns the value of a Rust constant as the pages write it: in bytes or seconds, with commas, ranges as `a to b`."""
    source = text_of(f"crates/{file}")
    declared = re.findall(rf"const {name}: [^=]+= ([^;]+);", source)
    assert len(declared) == 1, f"{file} has no constant {name}, or several"
    bare = re.sub(r"^Duration::from_secs\((.*)\)$", r"\1", declared[0]).replace("_", "")
    return " to ".join(f"{product(part):,}" for part in bare.split("..="))


def product(text: str) -> int:
    return math.prod(int(factor) for factor in text.split("*"))
