"""Runs the scripts in node/ with the packages from npm that dev/test installed.

Reads SEMNAL_NODE_PACKAGES, else node/ in CARGO_TARGET_DIR or target/.
"""

import functools
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from semnal_server import ROOT

SCRIPTS = Path(__file__).parent / "node"
SCRIPT_SECONDS = 60
# The generations of the SDK, as dev/node/package.json calls them.
PACKAGES = ["svix", "svix-2"]
# The oldest node that svix 2 runs on.
NODE_OF_SVIX_2 = 22


def node_packages() -> Path:
    named = os.environ.get("SEMNAL_NODE_PACKAGES")
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    path = Path(named) if named else target / "node"
    assert (path / "node_modules").is_dir(), f"no npm packages in {path}; run dev/test, which installs them"
    return path


@functools.cache
def node_for(package: str) -> str:
    """Returns the node of the machine, or for svix 2, where that is too old, the one that came as a package."""
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    if package != "svix-2" or int(told.removeprefix("v").split(".")[0]) >= NODE_OF_SVIX_2:
        return "node"
    architecture = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    packed = node_packages() / "node_modules" / f"node-linux-{architecture}" / "bin" / "node"
    assert packed.is_file(), f"svix 2 needs node {NODE_OF_SVIX_2}, and there is neither that nor {packed}"
    return str(packed)


def run_script(name: str, package: str, **settings: str) -> Any:
    """Runs a script with a package to its end and returns the JSON that it printed."""
    done = subprocess.run(
        [node_for(package), str(SCRIPTS / name)],
        env={"PATH": os.environ["PATH"], "NODE_PACKAGES": str(node_packages()), "PACKAGE": package, **settings},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SCRIPT_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)
