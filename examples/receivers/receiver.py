"""WEBHOOK_SECRET=whsec_… PORT=9000 python3 receiver.py        needs nothing but Python"""

import hashlib
import hmac
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = os.environ["WEBHOOK_SECRET"].encode()
PORT = int(os.environ.get("PORT", "9000"))


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        # The bytes as they came: parsed and printed again, they no longer match.
        body = self.rfile.read(int(self.headers["Content-Length"]))
        expected = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, self.headers.get("vomo-signature", "")):
            self.answer(401)
            return
        event = json.loads(body)
        # Put the work in a queue and answer: there are three seconds. The same webhook-id again is the same delivery.
        print(event["type"], "for organization", event["organization_id"], self.headers.get("webhook-id"))
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.end_headers()


server = ThreadingHTTPServer(("127.0.0.1", PORT), Receiver)
print(f"listening on http://127.0.0.1:{PORT}", flush=True)
server.serve_forever()
