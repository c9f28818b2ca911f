"""Runs the examples of docs/examples/verify: the receivers, and the judges that put cases to their `verify`.

What has to be compiled is compiled once a session; the Rust example comes from `cargo build --workspace --bins`.
A runtime that is missing fails, since dev/test installs them all.
"""

import base64
import functools
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from semnal_server import ROOT, free_port
from waiting import wait_for

EXAMPLES = ROOT / "docs/examples/verify"
JUDGES = ROOT / "dev/contract/judges"
LANGUAGES = ["python", "javascript", "php", "ruby", "go", "rust"]
# Python's standard library has no ed25519.
WITH_ED25519 = [language for language in LANGUAGES if language != "python"]
COMMAND_SECONDS = 60


@dataclass(frozen=True)
class Case:
    """A request as a judge gets it, and whether it is to be accepted."""

    name: str
    secret: str
    now: int
    message_id: str
    timestamp: str
    signature: str
    body: bytes
    accepted: bool

    def line(self) -> str:
        fields = [self.message_id.encode(), self.timestamp.encode(), self.signature.encode(), self.body]
        return "\t".join([self.secret, str(self.now), *(base64.b64encode(field).decode() for field in fields)])


def judge(language: str, cases: list[Case]) -> list[str]:
    """Returns what an example says to each case: `accept`, or `refuse: ` and why."""
    done = subprocess.run(
        judge_command(language), input="".join(case.line() + "\n" for case in cases),
        env={**os.environ, "EXAMPLE": str(EXAMPLES / language)},
        capture_output=True, text=True, timeout=COMMAND_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    verdicts = done.stdout.splitlines()
    assert len(verdicts) == len(cases), done.stdout + done.stderr
    return verdicts


def judge_command(language: str) -> list[str]:
    match language:
        case "python":
            return [runtime("python3"), str(JUDGES / "judge.py")]
        case "javascript":
            return [runtime("node"), str(JUDGES / "judge.mjs")]
        case "php":
            return [runtime("php"), str(JUDGES / "judge.php")]
        case "ruby":
            return [runtime("ruby"), str(JUDGES / "judge.rb")]
        case "go":
            return [str(go_binary(JUDGES / "judge.go"))]
        case _:
            return [str(rust_binary("verify-webhooks-judge"))]


def receiver_command(language: str, port: int) -> list[str]:
    match language:
        case "python":
            return [runtime("python3"), "receiver.py"]
        case "javascript":
            return [runtime("node"), "receiver.mjs"]
        case "php":
            return [runtime("php"), "-S", f"127.0.0.1:{port}", "receiver.php"]
        case "ruby":
            return [runtime("ruby"), "receiver.rb"]
        case "go":
            return [str(go_binary(EXAMPLES / "go/main.go"))]
        case _:
            return [str(rust_binary("verify-webhooks"))]


def runtime(name: str) -> str:
    found = shutil.which(name)
    assert found, f"{name} is not installed, so this example cannot be run; dev/test installs it"
    return found


@functools.cache
def build_directory() -> tempfile.TemporaryDirectory:
    """A directory that is removed when the process ends."""
    return tempfile.TemporaryDirectory(prefix="semnal-go-")


@functools.cache
def go_binary(main_file: Path) -> Path:
    """Compiles the example's verify.go with one file that has a `main`, by whichever Go compiler there is."""
    directory = Path(build_directory().name) / main_file.stem
    directory.mkdir()
    # `go` wants the files of a program in one directory.
    sources = [shutil.copy(file, directory) for file in (EXAMPLES / "go/verify.go", main_file)]
    compiler = ["go", "build"] if shutil.which("go") else [runtime("gccgo")]
    command = [*compiler, "-o", str(directory / "program"), *sources]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=COMMAND_SECONDS)
    assert done.returncode == 0, done.stderr
    return directory / "program"


def rust_binary(name: str) -> Path:
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    path = target / "debug" / name
    assert path.is_file(), f"{path} does not exist; build it with `cargo build --workspace --bins`"
    return path


class ExampleReceiver:
    """A running example. `port` is known before it starts, so that an endpoint can be made for it first."""

    def __init__(self, language: str, directory: Path):
        self.language = language
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self._log = directory / "receiver.log"
        self._process: subprocess.Popen | None = None

    def start(self, secret: str):
        settings = {"WEBHOOK_SECRET": secret, "PORT": str(self.port), "SEEN_DIRECTORY": str(self.directory / "seen")}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                receiver_command(self.language, self.port), cwd=EXAMPLES / self.language,
                env={**os.environ, **settings}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        wait_for(self._listens, f"{self.language} receiver")

    def _listens(self) -> bool:
        assert self._process.poll() is None, self.log
        table = Path("/proc/net/tcp").read_text(encoding="ascii")
        return f"0100007F:{self.port:04X} 00000000:0000 0A" in table

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
