"""Starts and stops the real binary.

Every server has a data directory, free ports and a log of its own. Reads SEMNAL_BIN, else the debug build in
CARGO_TARGET_DIR or target/. It never builds.
"""

import functools
import http.client
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

from waiting import wait_for

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 30
STOP_SECONDS = 40
COMMAND_SECONDS = 60
# A retry in tests comes after a tenth of a second, and there are two.
RETRY_SCHEDULE = "100ms,200ms"


@functools.cache
def binary() -> Path:
    named = os.environ.get("SEMNAL_BIN")
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    path = Path(named) if named else target / "debug" / "semnal"
    assert path.is_file(), f"{path} does not exist; build it with `cargo build --bins`, or set SEMNAL_BIN"
    return path.resolve()


def environment(**changes: str) -> dict[str, str]:
    """The caller's environment without its Semnal settings, which must not decide how a test goes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SEMNAL_")}
    return {**kept, **changes}


def run_command(*arguments: str, prefix: tuple[str, ...] = (), **options) -> subprocess.CompletedProcess:
    """Runs a command of the binary to its end."""
    return subprocess.run(
        [*prefix, str(binary()), *arguments], env=environment(), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=COMMAND_SECONDS, **options,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@functools.cache
def serve_help() -> str:
    return run_command("serve", "--help").stdout


def serve_arguments(data_directory: Path, port: int) -> list[str]:
    arguments = ["serve", "--listen", f"127.0.0.1:{port}", "--data-dir", str(data_directory), "--dev"]
    if "--bin-listen" in serve_help():
        arguments += ["--bin-listen", f"127.0.0.1:{free_port()}"]
    return arguments


class Server:
    """A running `semnal serve`. `prefix` puts a command such as nsenter in front of every call of the binary."""

    def __init__(self, directory: Path, prefix: tuple[str, ...] = (), data_directory: Path | None = None, **settings):
        self.data_directory = data_directory or directory / "data"
        self.log_path = directory / "server.log"
        self.prefix = prefix
        self.settings = {"SEMNAL_RETRY_SCHEDULE": RETRY_SCHEDULE, **settings}
        self.port = 0
        self.process: subprocess.Popen | None = None
        # Texts that must never be in the log.
        self.secrets: list[str] = list(filter(None, [settings.get("SEMNAL_JWT_SECRET")]))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def start(self) -> "Server":
        self.launch()
        wait_for(self._is_ready, "ready server", START_SECONDS)
        return self

    def launch(self):
        """Starts the process without waiting for it."""
        self.port = free_port()
        command = [*self.prefix, str(binary()), *serve_arguments(self.data_directory, self.port)]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=environment(**self.settings),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )

    def _is_ready(self) -> bool:
        code = self.process.poll()
        assert code is None, f"the server ended with {code} before it was ready:\n{self.log}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (ConnectionError, TimeoutError):
            return False
        finally:
            connection.close()

    def create_key(self, name: str) -> str:
        """Makes an API key while the server runs, through the control socket."""
        done = self.command("keys", "create", "--name", name)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert len(lines) == 1 and re.fullmatch(r"\S{20,}", lines[0]), "the key is not alone on stdout"
        self.secrets.append(lines[0])
        return lines[0]

    def command(self, *arguments: str) -> subprocess.CompletedProcess:
        return run_command(*arguments, "--data-dir", str(self.data_directory), prefix=self.prefix)

    def stop(self):
        """Ends it as a service manager does, and requires that it ends well and kept its secrets."""
        if self.process is None:
            return
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the server did not stop within {STOP_SECONDS} s:\n{self.log[-4000:]}")
        assert code == 0, f"the server ended with {code}:\n{self.log[-4000:]}"
        assert "panicked" not in self.log, self.log[-4000:]
        for secret in self.secrets:
            assert secret not in self.log, "the log has a secret"
