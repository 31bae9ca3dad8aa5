"""The client against a running server (TIDINGS_URL, TIDINGS_KEY), and its receiver helper against the contract's vectors."""

import json
import os
import queue
import threading
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx

from tidings import ProblemError, Tidings, VerificationError, Verifier
from tidings.generated.api.deliveries import get_delivery, list_deliveries
from tidings.generated.api.endpoints import post_endpoint, rotate_secret
from tidings.generated.api.organizations import put_organization
from tidings.generated.models import EndpointInput, OrganizationInput, RotationInput

VECTORS = json.loads((Path(__file__).parents[3] / "core/tests/vectors.json").read_text())
ORGANIZATION = 7001


def headers_of(vector):
    names = ("vomo-signature", "webhook-id", "webhook-timestamp", "webhook-signature")
    return {name: str(vector[name]) for name in names}


class Receiving(unittest.TestCase):
    def test_every_vector_is_verified_with_any_of_several_secrets(self):
        self.assertGreaterEqual(len(VECTORS), 11)
        for vector in VECTORS:
            body = vector["body"].encode()
            verifier = Verifier(["whsec_b3RoZXI=", vector["secret"]])
            webhook = verifier.verify(headers_of(vector), body, now=vector["webhook-timestamp"] + 299)
            self.assertEqual((webhook.id, webhook.body), (vector["webhook-id"], body))
            self.assertEqual(webhook.type, json.loads(body)["type"])

    def test_what_was_tampered_with_is_refused_by_its_reason(self):
        vector = VECTORS[0]
        good, body, now = headers_of(vector), vector["body"].encode(), vector["webhook-timestamp"]
        cases = [
            ("standard_signature", good, body + b" ", now),
            ("standard_signature", {**good, "webhook-id": "dlv_other"}, body, now),
            ("standard_signature", {**good, "webhook-signature": "v2,AAAA"}, body, now),
            ("vomo_signature", {**good, "vomo-signature": "0" * 64}, body, now),
            ("timestamp", good, body, now + 301),
            ("timestamp", good, body, now - 301),
            ("timestamp", {**good, "webhook-timestamp": "soon"}, body, now),
            *(("missing_header", {**good, name: ""}, body, now) for name in good),
        ]
        for reason, headers, sent, at in cases:
            with self.assertRaises(VerificationError) as refused:
                Verifier(vector["secret"]).verify(headers, sent, now=at)
            self.assertEqual(refused.exception.reason, reason, headers)
        with self.assertRaises(VerificationError):
            Verifier("whsec_b3RoZXI=").verify(good, body, now=now)
        for none in ([], [""]):
            self.assertRaises(ValueError, Verifier, none)


class Waiting(unittest.TestCase):
    def client(self, *answers):
        self.asked, self.waits = [], []
        left = list(answers)

        def answer(request):
            self.asked.append(request)
            given = left.pop(0)
            if isinstance(given, Exception):
                raise given
            return given

        return Tidings("http://tidings.test", "key", transport=httpx.MockTransport(answer), sleep=self.waits.append)

    def test_too_much_and_too_busy_are_waited_for_with_the_same_key(self):
        busy = {"status": 503, "code": "overloaded", "detail": "busy"}
        tidings = self.client(
            httpx.Response(503, headers={"Retry-After": "3"}, json=busy),
            httpx.ConnectError("gone"),
            httpx.Response(429, headers={"Retry-After": "400"}, json={"code": "rate_limited"}),
            httpx.Response(202, json={"id": "evt_1"}),
        )
        self.assertEqual(tidings.post_event("a.b", 1, {}), "evt_1")
        self.assertEqual([self.waits[0], self.waits[2]], [3.0, 30.0])
        self.assertEqual(len({request.headers["idempotency-key"] for request in self.asked}), 1)

    def test_the_last_refusal_is_raised_and_no_answer_is_not_asked_twice_without_a_key(self):
        tidings = self.client(*[httpx.Response(503, text="<html>") for _ in range(4)])
        with self.assertRaises(ProblemError) as refused:
            tidings.post_event("a.b", 1, {})
        self.assertEqual((refused.exception.status, refused.exception.code), (503, "unknown"))
        tidings = self.client(httpx.ReadError("gone"), httpx.Response(200))
        with self.assertRaises(httpx.ReadError):
            tidings.http.post("/v1/deliveries/dlv_1/retry")


class Receiver(BaseHTTPRequestHandler):
    seen: queue.Queue = queue.Queue()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.put((dict(self.headers.items()), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


class Serving(unittest.TestCase):
    def setUp(self):
        self.receiver = HTTPServer(("127.0.0.1", 0), Receiver)
        threading.Thread(target=self.receiver.serve_forever, daemon=True).start()
        self.tidings = Tidings(os.environ["TIDINGS_URL"], os.environ["TIDINGS_KEY"])

    def tearDown(self):
        self.tidings.close()
        self.receiver.shutdown()
        self.receiver.server_close()

    def test_from_an_organization_to_a_verified_delivery(self):
        tidings = self.tidings
        new = OrganizationInput(name="Larkspur Commons", add_ons=["api_access"])
        self.assertTrue(tidings.call(put_organization.sync, ORGANIZATION, body=new).webhooks_available)
        url = f"http://127.0.0.1:{self.receiver.server_port}/hook"
        endpoint = tidings.call(post_endpoint.sync, ORGANIZATION, body=EndpointInput(url=url, event_types=["project.updated"]))

        event = tidings.post_event("project.updated", ORGANIZATION, {"id": "318842"}, idempotency_key="order-17")
        again = tidings.post_event("project.updated", ORGANIZATION, {"id": "318842"}, idempotency_key="order-17")
        self.assertEqual(event, again)
        headers, body = Receiver.seen.get(timeout=10)
        webhook = Verifier(endpoint.secret).verify(headers, body)
        self.assertEqual((webhook.type, webhook.organization_id, webhook.data), ("project.updated", ORGANIZATION, {"id": "318842"}))

        rotated = tidings.call(rotate_secret.sync, ORGANIZATION, endpoint.id, body=RotationInput())
        results = tidings.post_events(
            [{"type": "project.updated", "organization_id": ORGANIZATION, "data": {"n": n}} for n in range(5)]
            + [{"type": "project.mislaid", "organization_id": ORGANIZATION, "data": {}}]
        )
        self.assertEqual([type(result) for result in results], [str] * 5 + [ProblemError])
        self.assertEqual(results[5].code, "unknown_event_type")
        both = Verifier([rotated.secret, endpoint.secret])
        ids = {webhook.id}
        for _ in range(5):
            ids.add(both.verify(*Receiver.seen.get(timeout=10)).id)

        deliveries = list(tidings.pages(list_deliveries.sync, ORGANIZATION, limit=2))
        self.assertEqual({delivery.id for delivery in deliveries}, ids)
        detail = tidings.call(get_delivery.sync, webhook.id)
        self.assertEqual(detail.event_id, event)

    def test_a_refusal_is_a_typed_problem(self):
        with self.assertRaises(ProblemError) as refused:
            self.tidings.post_event("project.updated", ORGANIZATION + 1, {})
        problem = refused.exception
        self.assertEqual((problem.status, problem.code), (422, "unknown_organization"))
        self.assertEqual([error.pointer for error in problem.errors], ["/organization_id"])
        self.assertTrue(problem.request_id.startswith("req_"))


if __name__ == "__main__":
    unittest.main()
