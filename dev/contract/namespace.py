"""A small file system of its own for a test, gone with the test.

It is mounted in a mount namespace, so that it works as root and, through a user namespace, for anybody else too, and
leaves nothing mounted behind. A process holds the namespace; commands enter it with `prefix`.
"""

import os
import subprocess
from pathlib import Path

START_SECONDS = 20


class FileSystem:
    """A tmpfs at `path` with mount options such as `size=24m`."""

    def __init__(self, path: Path, options: str):
        self.path = path
        self.options = options
        self._holder: subprocess.Popen | None = None

    def __enter__(self) -> "FileSystem":
        self.path.mkdir(parents=True, exist_ok=True)
        unshare = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--user", "--map-root-user"])
        script = 'mount -t tmpfs -o "$2" tmpfs "$1" && echo mounted && exec cat'
        # `cat` ends when its input is closed: by __exit__, or by the end of this process, whatever its reason.
        self._holder = subprocess.Popen(
            [*unshare, "sh", "-c", script, "sh", str(self.path), self.options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        if self._holder.stdout.readline() != "mounted\n":
            _, why = self._holder.communicate(timeout=START_SECONDS)
            raise AssertionError(f"no file system can be mounted here, so this cannot be tested: {why.strip()}")
        return self

    @property
    def prefix(self) -> tuple[str, ...]:
        """What to put in front of a command so that it runs where the file system is."""
        user = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")
        return ("nsenter", "--target", str(self._holder.pid), "--mount", *user)

    @property
    def seen_from_outside(self) -> Path:
        """The same files, for this process."""
        return Path(f"/proc/{self._holder.pid}/root") / self.path.relative_to("/")

    def free_bytes(self) -> int:
        figures = os.statvfs(self.seen_from_outside)
        return figures.f_bavail * figures.f_frsize

    def __exit__(self, *_):
        self._holder.communicate(timeout=START_SECONDS)
