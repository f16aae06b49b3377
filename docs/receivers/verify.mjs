// Verifies callbacks with Node's standard library. Take `verify` into your receiver; the rest reads test lines.
//
// `body` is a Buffer with the request's bytes as received: with express, use express.raw({ type: '*/*' }).
import { createHmac, createPublicKey, timingSafeEqual, verify as verifyWith } from 'node:crypto';
import { createInterface } from 'node:readline';

const TOLERANCE_SECONDS = 300;

/** True when `signature`, the value of the signature header, is the body's under one of the secrets. */
export function verify(scheme, secrets, body, signature, { id = '', timestamp = '', now = Date.now() / 1000 } = {}) {
  return secrets.some((secret) => matches(scheme, secret, body, signature, { id, timestamp, now }));
}

const same = (found, expected) => {
  const [a, b] = [Buffer.from(found), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
};
const mac = (algorithm, key, ...pieces) => pieces.reduce((hash, piece) => hash.update(piece), createHmac(algorithm, key));
const fresh = (seconds, now) => Math.abs(now - Number(seconds)) <= TOLERANCE_SECONDS;

function matches(scheme, secret, body, signature, { id, timestamp, now }) {
  switch (scheme) {
    case 'FIREFLY':
      return same(signature, mac('sha256', secret, body).digest('base64'));
    case 'PYFLY':
    case 'FIREFLY_RUST':
      return same(signature, 'sha256=' + mac('sha256', secret, body).digest('hex'));
    case 'SVC_INFRA':
      return same(signature, mac('sha256', secret, body).digest('hex'));
    case 'SERVO_SHA1':
      return same(signature, mac('sha1', secret, body).digest('hex'));
    case 'STRIPE': {
      const items = signature.split(',').map((item) => item.split('='));
      const signedAt = items.find(([name]) => name === 't')?.[1] ?? '0';
      const expected = mac('sha256', secret, `${signedAt}.`, body).digest('hex');
      return fresh(signedAt, now) && items.some(([name, value]) => name === 'v1' && same(value, expected));
    }
    case 'STANDARD_WEBHOOKS': {
      const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
      const expected = 'v1,' + mac('sha256', key, `${id}.${timestamp}.`, body).digest('base64');
      return fresh(timestamp, now) && signature.split(' ').some((one) => same(one, expected));
    }
    case 'STANDARD_WEBHOOKS_ED25519': {
      // The "secret" is the public key: whpk_…, or the member x of the JSON Web Key.
      const x = Buffer.from(secret.replace(/^whpk_/, ''), 'base64').toString('base64url');
      const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
      const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
      const ours = signature.split(' ').filter((one) => one.startsWith('v1a,'));
      return fresh(timestamp, now) && ours.some((one) => verifyWith(null, signed, key, Buffer.from(one.slice(4), 'base64')));
    }
    default:
      return false;
  }
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  for await (const line of createInterface({ input: process.stdin })) {
    const [scheme, secret, signature, id, timestamp, now, body] = line.split('\t');
    const good = verify(scheme, [secret], Buffer.from(body, 'base64'), signature, { id, timestamp, now: Number(now) });
    console.log(good ? 'ok' : 'refused');
  }
}
