"""Verifies callbacks with Python's standard library. Take `verify` into your receiver; the rest reads test lines.

`body` is the request's bytes as received: sign-checking comes before any JSON parsing.
"""
import base64
import hashlib
import hmac
import sys
import time

TOLERANCE_SECONDS = 300


def verify(scheme, secrets, body, signature, message_id="", timestamp="", now=None):
    """True when `signature`, the value of the signature header, is the body's under one of the secrets."""
    now = time.time() if now is None else now
    return any(_matches(scheme, secret, body, signature, message_id, timestamp, now) for secret in secrets)


def _matches(scheme, secret, body, signature, message_id, timestamp, now):
    key = secret.encode()

    def same(found, expected):
        return hmac.compare_digest(found.encode(), expected.encode())

    def sha256(data, key=key):
        return hmac.new(key, data, hashlib.sha256)

    if scheme == "FIREFLY":
        return same(signature, base64.b64encode(sha256(body).digest()).decode())
    if scheme in ("PYFLY", "FIREFLY_RUST"):
        return same(signature, "sha256=" + sha256(body).hexdigest())
    if scheme == "SVC_INFRA":
        return same(signature, sha256(body).hexdigest())
    if scheme == "SERVO_SHA1":
        return same(signature, hmac.new(key, body, hashlib.sha1).hexdigest())
    if scheme == "STRIPE":
        items = [item.partition("=") for item in signature.split(",")]
        signed_at = next((value for name, _, value in items if name == "t"), "0")
        if abs(now - int(signed_at)) > TOLERANCE_SECONDS:
            return False
        expected = sha256(signed_at.encode() + b"." + body).hexdigest()
        return any(same(value, expected) for name, _, value in items if name == "v1")
    if scheme == "STANDARD_WEBHOOKS":
        if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
            return False
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = f"{message_id}.{timestamp}.".encode() + body
        expected = "v1," + base64.b64encode(sha256(signed, key).digest()).decode()
        return any(same(one, expected) for one in signature.split(" "))
    return False


if __name__ == "__main__":
    for line in sys.stdin:
        scheme, secret, signature, message_id, timestamp, now, body = line.rstrip("\n").split("\t")
        good = verify(scheme, [secret], base64.b64decode(body), signature, message_id, timestamp, int(now))
        print("ok" if good else "refused")
