#!/usr/bin/env python3
"""Runs a packaged tidings as its user would and holds it to what a package must do: serve, say that it is ready, deliver
by name and over TLS with a right signature, and end cleanly at SIGTERM.

    smoke.py --work FOLDER [--serve "ARGUMENTS"] [--root ROOT] [--trust PATH] -- COMMAND…

COMMAND is what stands before `serve` and `health`: the binary, or what runs it in another root. Run it in a network
namespace of its own (unshare --net): it answers names on port 53 and receives on port 443.
"""

import argparse
import fcntl
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import queue
import shlex
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import urllib.request

NAME = "hooks.example.test"
API = "http://127.0.0.1:8420"


def certificate(work: pathlib.Path) -> tuple[str, str]:
    """A root of our own, which the server is told to trust, and the receiver's key."""
    cert, key = str(work / "receiver.pem"), str(work / "receiver.key")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}", "-addext", "basicConstraints=critical,CA:FALSE",
         "-keyout", key, "-out", cert],
        check=True, capture_output=True)
    os.chmod(cert, 0o644)
    return cert, key


def loopback_up() -> None:
    """A new namespace has it down."""
    set_flags, up_and_running = 0x8914, 0x41
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sH14x", b"lo", up_and_running))


def answer_names() -> None:
    """A name server for one name."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind(("127.0.0.1", 53))
    wanted = b"".join(bytes([len(part)]) + part.encode() for part in NAME.split(".")) + b"\0"
    while True:
        query, peer = listening.recvfrom(512)
        question = query[12:query.index(b"\0", 12) + 5]
        is_ours = question[:-4].lower() == wanted
        is_address = question[-4:-2] == b"\0\1"
        found = is_ours and is_address
        head = query[:2] + (b"\x81\x80" if is_ours else b"\x81\x83") + b"\0\1" + (b"\0\1" if found else b"\0\0") + b"\0\0\0\0"
        record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1" if found else b""
        listening.sendto(head + question + record, peer)


def receive(cert: str, key: str, got: "queue.Queue[tuple[dict, bytes]]") -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.put((dict(self.headers), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 443), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


def call(operator: str, method: str, path: str, body: object) -> dict:
    request = urllib.request.Request(
        API + path, method=method, data=json.dumps(body).encode(),
        headers={"authorization": f"Bearer {operator}", "content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def deliver(operator: str, got: "queue.Queue[tuple[dict, bytes]]") -> None:
    call(operator, "PUT", "/v1/organizations/1", {"name": "One", "add_ons": ["api_access"]})
    made = call(operator, "POST", "/v1/organizations/1/endpoints",
                {"url": f"https://{NAME}/in", "event_types": ["project.updated"]})
    call(operator, "POST", "/v1/events", {"type": "project.updated", "organization_id": 1, "data": {"id": 1}})
    headers, body = got.get(timeout=15)
    signature = hmac.new(made["secret"].encode(), body, hashlib.sha256).hexdigest()
    given = {name.lower(): value for name, value in headers.items()}["vomo-signature"]
    assert hmac.compare_digest(signature, given), f"{given} is not the signature {signature}"


def until_ready(command: list[str]) -> None:
    """Asks as the container's health check does."""
    asked = subprocess.run([*command, "health", "--wait", "30"], capture_output=True, text=True)
    assert asked.returncode == 0, f"not ready: {asked.stdout}{asked.stderr}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--serve", default="")
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path("/"), help="where the server sees its files")
    parser.add_argument("--trust", default="/tmp/smoke-ca.pem", help="where the server finds the receiver's root certificate")
    parser.add_argument("command", nargs="+")
    given = parser.parse_args()
    got: "queue.Queue[tuple[dict, bytes]]" = queue.Queue(maxsize=16)
    cert, key = certificate(given.work)
    loopback_up()
    seen = given.root / given.trust.lstrip("/")
    seen.write_bytes(pathlib.Path(cert).read_bytes())
    threading.Thread(target=answer_names, daemon=True).start()
    threading.Thread(target=receive, args=(cert, key, got), daemon=True).start()

    operator = subprocess.run([*given.command, "key", "generate", "--scope", "operator"],
                              check=True, capture_output=True, text=True).stdout.strip()
    environment = {**os.environ, "TIDINGS_OPERATOR_KEY": operator, "TIDINGS_EGRESS_ALLOW": "127.0.0.1/32",
                   "TIDINGS_EGRESS_EXTRA_CA": given.trust}
    os.chmod(seen, 0o644)
    before = subprocess.run([*given.command, "health"], capture_output=True, text=True)
    assert before.returncode == 1, f"health without a server: {before}"
    server = subprocess.Popen([*given.command, "serve", *shlex.split(given.serve)], env=environment)
    try:
        until_ready(given.command)
        deliver(operator, got)
        server.send_signal(signal.SIGTERM)
        ended = server.wait(timeout=30)
        assert ended == 0, f"SIGTERM ended it with {ended}"
    finally:
        server.kill()
    print("serves, is ready, delivers by name over TLS, ends cleanly")


if __name__ == "__main__":
    sys.exit(main())
