#!/usr/bin/env python3
"""Has the libraries of others verify what `callbacks` sends: standardwebhooks (PyPI and npm), stripe, and CPython's json.

usage: scripts/third_party_verification.py CALLBACKS_BINARY [COUNT]

Needs the network once, for the libraries; they are kept in target/third-party. Not part of `make test` for that reason.
"""
import base64
import json
import os
import random
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "target" / "third-party"
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
    if not python.exists():
        venv.create(HOME / "venv", with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "standardwebhooks", "stripe"], check=True)
    if not (HOME / "node_modules").exists():
        subprocess.run(["npm", "install", "--silent", "--prefix", HOME, "standardwebhooks"], check=True)
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


def requests(binary, profile, payloads, now):
    """What would be sent, by the functions the service itself uses."""
    questions = [
        {"profile": profile, "secret": SECRET, "id": f"evt_{n}", "eventType": "order.created", "timestamp": now, "payload": text}
        for n, text in enumerate(payloads)
    ]
    lines = "".join(json.dumps(question) + "\n" for question in questions)
    answers = subprocess.run([binary, "explain", "request"], input=lines, text=True, capture_output=True, check=True)
    for line in answers.stdout.splitlines():
        answer = json.loads(line)
        yield answer["headers"], base64.b64decode(answer["bodyBase64"])


def main():
    libraries()
    import standardwebhooks
    import stripe

    binary, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    seed = time.time_ns()
    print(f"seed {seed}, {count} payloads")
    chance, now = random.Random(seed), int(time.time())
    payloads = [payload(chance) for _ in range(count)]

    sent = list(requests(binary, "STANDARD_WEBHOOKS", payloads, now))
    for (headers, body), text in zip(sent, payloads, strict=True):
        verified = standardwebhooks.Webhook(SECRET).verify(body, headers)
        assert verified["data"] == json.loads(text), text
    print(f"standardwebhooks {len(sent)} (Python)")

    lines = "\n".join(json.dumps({"headers": headers, "body": base64.b64encode(body).decode()}) for headers, body in sent)
    node = subprocess.run(["node", "-e", NODE_CHECK, SECRET], input=lines, text=True, capture_output=True, check=True, cwd=HOME)
    print(f"standardwebhooks {node.stdout.strip()} (Node)")

    sent = list(requests(binary, "DEALIX", payloads, now))
    for headers, body in sent:
        stripe.WebhookSignature.verify_header(body.decode(), headers["dealix-signature"], SECRET, tolerance=300)
    print(f"stripe {len(sent)} (Python)")

    sent = list(requests(binary, "PYFLY", payloads, now))
    for (_, body), text in zip(sent, payloads, strict=True):
        assert body.decode() == json.dumps(json.loads(text), separators=(",", ":"), sort_keys=True), text
    print(f"canonical JSON {len(sent)} (CPython {sys.version.split()[0]})")


if __name__ == "__main__":
    main()
