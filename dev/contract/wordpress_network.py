"""A network with the bridge in integrations/wordpress, run by PHP in the harness of dev/contract/wordpress."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from semnal_server import ROOT
from verify_examples import runtime

PLUGIN = ROOT / "integrations/wordpress/semnal.php"
HARNESS = ROOT / "dev/contract/wordpress/request.php"
CATALOGUE = ROOT / "crates/semnal-server/catalogue/ultimate_multisite.json"
REQUEST_SECONDS = 60
VERSION = "2.4.13"


def catalogue() -> dict[str, dict]:
    """Returns the documented sample of each event by its slug, without the version of the original."""
    samples = {}
    for entry in json.loads(CATALOGUE.read_text(encoding="utf-8")):
        samples[entry["name"]] = {key: value for key, value in entry["example"].items() if key != "wu_version"}
    return samples


def blocks() -> dict[str, list[str]]:
    """Returns the keys of each model, as the catalogue has them."""
    samples = catalogue()
    sources = {"payment": "payment_received", "membership": "membership_expired", "customer": "membership_expired",
               "site": "site_published"}
    return {name: [key for key in samples[source] if key.startswith(f"{name}_")] for name, source in sources.items()}


@dataclass(frozen=True)
class Page:
    """What came of one page load."""

    sent_by_original: list[str]
    seconds: float
    seconds_before_shutdown: float
    notices: str
    times_scheduled: int


class Network:
    """A network of sites whose database is a file, so that what is stored outlives a request."""

    def __init__(self, directory: Path, url: str, key: str, application: str = "default"):
        self.database = directory / "network.sqlite"
        self.constants = {"SEMNAL_URL": url, "SEMNAL_API_KEY": key, "SEMNAL_APP": application}

    def page(self, *steps: list, php: tuple[str, ...] = (), **script) -> Page:
        """Runs one page load in which the steps happen; `script` is what else request.php reads."""
        told = {
            "plugin": str(PLUGIN), "database": str(self.database), "constants": self.constants,
            "event_types": list(catalogue()), "blocks": blocks(), "steps": list(steps), **script,
        }
        done = subprocess.run(
            [runtime("php"), *php, str(HARNESS)], input=json.dumps(told),
            capture_output=True, text=True, timeout=REQUEST_SECONDS,
        )
        assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr
        answer = json.loads(done.stdout)
        return Page(answer["sentByOriginal"], answer["seconds"], answer["secondsBeforeShutdown"], answer["notices"],
                    answer["timesScheduled"])

    def cron(self, later_seconds: int = 0) -> Page:
        """Lets time pass and cron come by."""
        return self.page(["later", later_seconds], ["cron"])

    @property
    def log(self) -> str:
        log = Path(f"{self.database}.log")
        return log.read_text(encoding="utf-8") if log.exists() else ""
