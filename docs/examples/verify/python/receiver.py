"""A webhook receiver: WEBHOOK_SECRET=whsec_… PORT=9000 python3 receiver.py"""

import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from verify import Refused, verify

SECRET = os.environ["WEBHOOK_SECRET"]
BODY_BYTES_MAX = 16 * 1024 * 1024

# A message can arrive twice. Remember its id when the work is done, best in the same transaction, for as long as retries
# last. A set that is lost at the end of the process is for this example only.
seen: set[str] = set()


def handle(message_id: str, event_type: str, payload):
    """Your work. Do it in the background when it takes more than a few seconds: the sender waits for the answer."""
    print("verified", message_id, event_type, json.dumps(payload), flush=True)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers.get("content-length", "0"))
        if length > BODY_BYTES_MAX:
            return self.answer(413, "too large")
        body = self.rfile.read(length)
        try:
            message_id = verify(SECRET, self.headers, body, time.time())
        except Refused as why:
            return self.answer(400, str(why))
        if message_id in seen:
            print("repeated", message_id, flush=True)
            return self.answer(200, "repeated")
        handle(message_id, self.headers.get("webhook-event", ""), json.loads(body))
        seen.add(message_id)
        self.answer(200, "verified")

    def answer(self, status: int, text: str):
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9000"))), Receiver).serve_forever()
