#!/usr/bin/env python3
"""Has the libraries of others verify what `callbacks` sends: standardwebhooks (PyPI and npm), stripe, and CPython's json.

usage: scripts/third_party_verification.py CALLBACKS_BINARY [COUNT] [--unless-unreachable]

Starts the service with a private PostgreSQL, sends it COUNT (1000) events with random payloads, and verifies every request
that arrives. Needs the network once, for the libraries; they are kept in target/third-party. With --unless-unreachable a
registry that cannot be reached is said aloud and is no failure.
"""
import base64
import http.server
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "target" / "third-party"
CANONICAL = ["DEALIX", "PYFLY"]
PROFILES = ["STANDARD_WEBHOOKS", *CANONICAL]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NODE_CHECK = """
const { Webhook } = require('standardwebhooks');
const lines = require('fs').readFileSync(0, 'utf8').trim().split('\\n');
for (const line of lines) {
  const { headers, body } = JSON.parse(line);
  new Webhook(process.argv[1]).verify(Buffer.from(body, 'base64').toString('utf8'), headers);
}
console.log(lines.length);
"""


def libraries():
    """Installs what is missing, and runs the rest of this file with them."""
    python = HOME / "venv" / "bin" / "python"
    ready = HOME / "ready"
    if not ready.exists():
        shutil.rmtree(HOME, ignore_errors=True)
        venv.create(HOME / "venv", with_pip=True)
        install = [python, "-m", "pip", "install", "-q", "--retries", "1", "--timeout", "10", "standardwebhooks", "stripe"]
        subprocess.run(install, check=True, timeout=60)
        subprocess.run(["npm", "install", "--silent", "--prefix", HOME, "standardwebhooks"], check=True, timeout=60)
        ready.touch()
    if Path(sys.prefix) != HOME / "venv":
        os.execv(python, [str(python), *sys.argv])


def payload(chance):
    """Random JSON text with what goes wrong elsewhere: repeated keys, big numbers, escapes, surrogate pairs."""

    def value(depth):
        kind = chance.randrange(8 if depth < 4 else 6)
        if kind == 0:
            return chance.choice(["true", "false", "null", "0", "-0", "-0.0"])
        if kind == 1:
            return str(chance.randrange(-(10**30), 10**30))
        if kind == 2:
            return repr(chance.uniform(-1, 1) * 10.0 ** chance.randrange(-300, 300))
        if kind == 3:
            return f"{chance.randrange(10**17)}e{chance.randrange(-20, 20)}"
        if kind in (4, 5):
            return text()
        if kind == 6:
            return "[" + ", ".join(value(depth + 1) for _ in range(chance.randrange(5))) + "]"
        members = [f"{text()} : {value(depth + 1)}" for _ in range(chance.randrange(5))]
        return "{" + ",".join(members + members[:1]) + "}"

    def text():
        pieces = ["a", "é", "😀", "\\ud83d\\ude00", "\\u0000", "\\n", '\\"', "\\\\", "\\/", "\u007f", "\u2028", "</script>", " "]
        return '"' + "".join(chance.choice(pieces) for _ in range(chance.randrange(6))) + '"'

    return '{"first":' + value(0) + "}"


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps what arrives, by path."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self):
        self.requests, self.lock = {}, threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def arrived(self, path):
        with self.lock:
            return list(self.requests.get(path, []))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.server.lock:
            self.server.requests.setdefault(self.path, []).append((headers, body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


class Service:
    """A running service that may call this machine."""

    def __init__(self, binary, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        settings = {
            "SERVER__PORT": str(port),
            "DATABASE__EMBEDDED_DIR": str(folder / "state"),
            "EGRESS__ALLOWED_NETWORKS": "127.0.0.0/8",
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CALLBACKS_", "DB_"))}
        self.log = open(folder / "log", "w+b")
        self.process = subprocess.Popen(
            [binary, "serve"],
            env=kept | {f"CALLBACKS_{name}": value for name, value in settings.items()},
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        self.url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.log.seek(0)
                sys.exit("the service did not start:\n" + self.log.read().decode(errors="replace")[-4000:])
            time.sleep(0.1)

    def is_ready(self):
        try:
            return urllib.request.urlopen(self.url + "/actuator/health/readiness", timeout=5).status == 200
        except OSError:
            return False

    def ask(self, path, body=None):
        data = None if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            sys.exit(f"{path}: {error.code} {error.read().decode()}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def event(number, text):
    return f'{{"id":"evt_{number}","type":"order.created","payload":{text}}}'


def deliver(service, payloads):
    """Sends the payloads as events, and answers with the requests each profile's endpoint got."""
    receiver = Receiver()
    port = receiver.server_address[1]
    service.ask("/api/v1/authorized-domains", {"domain": f"127.0.0.1:{port}", "verified": True, "requireHttps": False})
    for profile in PROFILES:
        service.ask(
            "/api/v1/callback-configurations",
            {
                "name": profile,
                "url": f"http://127.0.0.1:{port}/{profile}",
                "subscribedEventTypes": ["order.*"],
                "wireProfile": profile,
                "signatureEnabled": True,
                "secret": SECRET,
                "maxRetries": 0,
            },
        )
    for first in range(0, len(payloads), 100):
        batch = [event(first + n, text) for n, text in enumerate(payloads[first : first + 100])]
        service.ask("/api/v1/events/batch", "[" + ",".join(batch) + "]")
    deadline = time.monotonic() + 50
    while any(len(receiver.arrived(f"/{profile}")) < len(payloads) for profile in PROFILES):
        if time.monotonic() > deadline:
            counts = {profile: len(receiver.arrived(f"/{profile}")) for profile in PROFILES}
            sys.exit(f"not everything arrived within 50 s: {counts} of {len(payloads)}")
        time.sleep(0.1)
    arrived = {profile: receiver.arrived(f"/{profile}") for profile in PROFILES}
    refuses_lone_surrogates(service, receiver)
    assert all(len(requests) == len(payloads) for requests in arrived.values()), "something arrived twice"
    receiver.shutdown()
    return arrived


def refuses_lone_surrogates(service, receiver):
    """What is no Unicode has no canonical JSON: refused with a reason and never sent. Elsewhere the bytes go as they came."""
    before = {profile: len(receiver.arrived(f"/{profile}")) for profile in CANONICAL}
    service.ask("/api/v1/events", event("surrogate", '{"first":"\\ud800"}'))
    deadline = time.monotonic() + 20
    while True:
        deliveries = service.ask("/api/v1/events/evt_surrogate")["deliveries"]
        refused = [one for one in deliveries if one["state"] == "FAILED"]
        if len(refused) == len(CANONICAL):
            break
        assert time.monotonic() < deadline, deliveries
        time.sleep(0.1)
    assert all("lone surrogate" in one["lastError"] and one["attempts"] == 0 for one in refused), refused
    assert before == {profile: len(receiver.arrived(f"/{profile}")) for profile in CANONICAL}, "it was sent"


def main():
    unless_unreachable = "--unless-unreachable" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    try:
        libraries()
    except (subprocess.SubprocessError, OSError) as error:
        if not unless_unreachable:
            raise
        print(f"NOT VERIFIED BY OTHERS' LIBRARIES: PyPI or npm could not be reached ({error})", file=sys.stderr)
        return
    import standardwebhooks
    import stripe

    binary, count = arguments[0], int(arguments[1]) if len(arguments) > 1 else 1000
    seed, begun = time.time_ns(), time.monotonic()
    print(f"seed {seed}, {count} payloads")
    chance = random.Random(seed)
    payloads = [payload(chance) for _ in range(count)]
    with tempfile.TemporaryDirectory(prefix="callbacks-third-party.", dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        service = Service(binary, Path(folder))
        try:
            arrived = deliver(service, payloads)
        finally:
            service.stop()

    sent = arrived["STANDARD_WEBHOOKS"]
    texts = sorted(json.dumps(json.loads(text), sort_keys=True) for text in payloads)
    verified = [standardwebhooks.Webhook(SECRET).verify(body, headers)["data"] for headers, body in sent]
    assert sorted(json.dumps(data, sort_keys=True) for data in verified) == texts, "the data is not what was sent"
    print(f"standardwebhooks {len(sent)} (Python)")

    lines = "\n".join(json.dumps({"headers": headers, "body": base64.b64encode(body).decode()}) for headers, body in sent)
    node = subprocess.run(["node", "-e", NODE_CHECK, SECRET], input=lines, text=True, capture_output=True, check=True, cwd=HOME)
    assert int(node.stdout) == count, node.stdout
    print(f"standardwebhooks {count} (Node)")

    sent = arrived["DEALIX"]
    for headers, body in sent:
        stripe.WebhookSignature.verify_header(body.decode(), headers["dealix-signature"], SECRET, tolerance=300)
    print(f"stripe {len(sent)} (Python)")

    sent = arrived["PYFLY"]
    bodies = sorted(body.decode() for _, body in sent)
    canonical = sorted(json.dumps(json.loads(text), separators=(",", ":"), sort_keys=True) for text in payloads)
    assert bodies == canonical, "a body is not the canonical JSON of its payload"
    print(f"canonical JSON {len(sent)} (CPython {sys.version.split()[0]}), all in {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    main()
