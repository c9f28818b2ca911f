"""Data directories that a server must not start on: in use, read-only, foreign, from the future. Each is refused with
the reason and exit code 3, and left as it was."""

import hashlib
import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

import tokens
from namespace import FileSystem
from semnal_server import COMMAND_SECONDS, START_SECONDS, Server, binary, environment, free_port, serve_arguments

JOURNAL = "journal.db"
LOCK = "semnal.lock"
NOBODY = 65_534


def serve(data_directory: Path, prefix=(), program: Path | None = None, **options) -> subprocess.CompletedProcess:
    """Starts a server that is expected to end by itself."""
    command = [*prefix, str(program or binary()), *serve_arguments(data_directory, free_port())]
    return subprocess.run(
        command, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=COMMAND_SECONDS, **options,
    )


def assert_refused(done: subprocess.CompletedProcess, *reasons: str):
    assert done.returncode == 3, (done.returncode, done.stderr)
    for reason in reasons:
        assert reason.lower() in done.stderr.lower(), done.stderr
    assert "panicked" not in done.stderr, done.stderr


def contents(directory: Path) -> dict[str, str]:
    """Every file and a hash of it, but for the lock, which a server may take before it looks."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != LOCK
    }


@pytest.fixture
def used_directory(tmp_path):
    """A directory that a server has used and left in order."""
    server = Server(tmp_path, SEMNAL_JWT_SECRET=tokens.JWT_SECRET).start()
    server.create_key("first")
    server.stop()
    return server.data_directory


def test_a_directory_in_use_is_refused_and_its_server_goes_on(server, raw):
    assert_refused(serve(server.data_directory), "in use", str(server.data_directory))
    assert raw.get("/api/v1/app").status == 200


def test_a_directory_that_was_left_is_taken_up_again(used_directory, tmp_path):
    again = Server(tmp_path).start()
    assert again.data_directory == used_directory
    again.stop()


def test_a_server_that_is_ended_as_soon_as_it_listens_ends_in_order(tmp_path):
    """Whoever waits for the port may end the server at once; 20 times, since microseconds decide."""
    server = Server(tmp_path)
    for _ in range(20):
        server.launch()
        until = time.monotonic() + START_SECONDS
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", server.port)) == 0:
                    break
            assert time.monotonic() < until, "nothing listens:\n" + server.log
        server.stop()


def test_a_directory_without_permission_is_refused():
    """Root may write everywhere, so the server runs as nobody then, from a place that nobody can reach."""
    with tempfile.TemporaryDirectory(prefix="semnal-") as name:
        place = Path(name)
        place.chmod(0o755)
        data = place / "data"
        data.mkdir(mode=0o755)
        options, program = {}, binary()
        if os.geteuid() == 0:
            options = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            program = Path(shutil.copy2(binary(), place / "semnal"))
            program.chmod(0o755)
        else:
            data.chmod(0o555)
        assert_refused(serve(data, program=program, cwd=place, **options), "cannot be written", str(data))
        assert contents(data) == {}


def test_a_read_only_file_system_is_refused(tmp_path):
    data = tmp_path / "data"
    with FileSystem(data, "size=1m,ro") as file_system:
        assert_refused(serve(data, prefix=file_system.prefix), "cannot be written", str(data))


def test_another_programs_database_is_refused_and_not_touched(tmp_path):
    with sqlite3.connect(tmp_path / JOURNAL) as other:
        other.execute("create table customers (name text)")
        other.execute("insert into customers values ('Ana')")
    other.close()
    before = contents(tmp_path)
    assert_refused(serve(tmp_path), "not a semnal data directory", JOURNAL)
    assert contents(tmp_path) == before


def test_a_file_that_is_no_database_is_refused_and_not_touched(tmp_path):
    (tmp_path / JOURNAL).write_text("Dear diary, today the server started.\n" * 100)
    before = contents(tmp_path)
    assert_refused(serve(tmp_path), "not a semnal data directory", JOURNAL)
    assert contents(tmp_path) == before


def test_a_directory_full_of_other_things_is_refused_and_not_touched(tmp_path):
    (tmp_path / "holiday.txt").write_text("photos\n")
    (tmp_path / "letters").mkdir()
    before = contents(tmp_path)
    assert_refused(serve(tmp_path), "not a semnal data directory")
    assert contents(tmp_path) == before


def test_a_file_in_place_of_the_directory_is_refused(tmp_path):
    file = tmp_path / "data"
    file.write_text("a file")
    assert_refused(serve(file), str(file))
    assert file.read_text() == "a file"


def test_a_newer_schema_is_refused_and_not_touched(used_directory):
    journal = sqlite3.connect(used_directory / JOURNAL)
    journal.execute("pragma user_version = 99")
    journal.execute("pragma wal_checkpoint(truncate)")
    journal.close()
    assert_refused(serve(used_directory), "schema 99")
    journal = sqlite3.connect(used_directory / JOURNAL)
    assert journal.execute("pragma user_version").fetchone() == (99,)
    journal.close()


def test_a_missing_key_file_is_refused_when_there_are_secrets_to_read(used_directory):
    (used_directory / "secret.key").unlink()
    assert_refused(serve(used_directory), "secret.key")
    assert not (used_directory / "secret.key").exists()
