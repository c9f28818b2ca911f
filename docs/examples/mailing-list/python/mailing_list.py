"""Puts the name and e-mail of each new customer on a mailing list, a file of JSON lines:
WEBHOOK_SECRET=whsec_… MAILING_LIST=list.jsonl PORT=9000 python3 mailing_list.py"""

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "verify/python"))
from verify import Refused, verify  # noqa: E402

SECRET = os.environ["WEBHOOK_SECRET"]
LIST = Path(os.environ.get("MAILING_LIST", "list.jsonl"))
BODY_BYTES_MAX = 1024 * 1024
lock = threading.Lock()


def subscribe(email: str, name: str) -> str:
    """Whoever is on the list already stays there once, so a message that arrives twice does no harm."""
    with lock:
        lines = LIST.read_text(encoding="utf-8").splitlines() if LIST.exists() else []
        if any(json.loads(line)["email"] == email for line in lines):
            return "already on the list"
        with LIST.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"email": email, "name": name}, ensure_ascii=False) + "\n")
        return "added"


class MailingList(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers.get("content-length", "0"))
        if length > BODY_BYTES_MAX:
            return self.answer(413, "too large")
        body = self.rfile.read(length)
        try:
            verify(SECRET, self.headers, body, time.time())
        except Refused as why:
            return self.answer(400, str(why))
        if self.headers.get("webhook-event") != "customer_created":
            return self.answer(200, "not for me")
        customer = json.loads(body)
        self.answer(200, subscribe(customer["customer_user_email"], customer["customer_name"]))

    def answer(self, status: int, text: str):
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9000"))), MailingList).serve_forever()
