import { createHmac, type KeyObject } from 'node:crypto';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { AccessController } from '../../../../src/auth/access.ts';
import { createAccessController } from '../../../../src/auth/create-access-controller.ts';
import { signingAlgorithms, type TokenOptions } from '../../../../src/auth/options.ts';
import { keyIdsOf, libtrustId, thumbprints } from '../../../../src/auth/token/key-id.ts';
import {
  accessControllerSuite,
  catalog,
  challengeOf,
  pull,
  pullOther,
  push,
  requestWith,
  withAuthorization,
} from '../../../suites/access-controller.ts';
import { recordLogs } from '../../../support/log-recorder.ts';
import {
  type Certificate,
  jwkOf,
  type KeyPair,
  keyFor,
  makeCertificate,
} from '../../../support/token-keys.ts';
import { startTokenServer } from '../../../support/token-server.ts';

const nowMs = Date.now();
const nowSeconds = Math.floor(nowMs / 1000);
const access = [{ type: 'repository', name: 'team/app', actions: ['pull', 'push'] }];
const claims = {
  iss: 'issuer',
  sub: 'user',
  aud: 'service',
  exp: nowSeconds + 300,
  nbf: nowSeconds,
  access,
};
type Json = Record<string, unknown>;

let folder = '';
let root: Certificate;
const keyOf = new Map<string, KeyPair>();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-token-'));
  root = makeCertificate({ name: 'root', isCa: true });
  for (const algorithm of signingAlgorithms) keyOf.set(algorithm, keyFor(algorithm));
});
afterAll(() => rm(folder, { recursive: true }));
const started: AccessController[] = [];
afterEach(async () => {
  for (const controller of started.splice(0)) await controller.stop?.();
});

const key = (algorithm: string): KeyPair => {
  const pair = keyOf.get(algorithm);
  if (pair === undefined) throw new Error(algorithm);
  return pair;
};

const optionsWith = (changes: Partial<TokenOptions>): TokenOptions => ({
  realm: 'https://auth.test/token',
  service: 'service',
  issuer: 'issuer',
  autoredirect: false,
  autoredirectpath: '/auth/token/',
  signingalgorithms: [],
  ...changes,
});

let fileNumber = 0;
async function file(content: string): Promise<string> {
  fileNumber += 1;
  const path = join(folder, `file-${fileNumber}`);
  await writeFile(path, content);
  return path;
}

/** A JWKS with one key for each algorithm, its `kid` being the algorithm's name. */
function jwksOfAll(): Promise<string> {
  const keys = signingAlgorithms.map((name) => jwkOf(key(name).publicKey, { kid: name }));
  return file(JSON.stringify({ keys }));
}

async function start(changes: Partial<TokenOptions> = {}, clock = (): number => nowMs) {
  const log = recordLogs();
  const jwks = (changes.jwks ?? changes.rootcertbundle) ? {} : { jwks: await jwksOfAll() };
  const controller = createAccessController(
    { token: optionsWith({ ...jwks, ...changes }) },
    {
      verifier: { verify: () => Promise.reject(new Error('no passwords here')) },
      logger: log.logger,
      announce: () => {},
      nowMs: clock,
    },
  );
  await controller.start?.();
  started.push(controller);
  const ask = (token: string, required = [pull]) =>
    controller.authorize(withAuthorization(`Bearer ${token}`), required);
  return {
    controller,
    log,
    ask,
    /** The `error=` of the refusal and the reason in the log. */
    async refusal(token: string, required = [pull]): Promise<[string | undefined, unknown]> {
      const error = await challengeOf(() => ask(token, required));
      const reason = log.records.findLast(({ message }) => message === 'token refused')?.fields[
        'reason'
      ];
      return [/error="([^"]*)"/.exec(error.challenge)?.[1], reason];
    },
  };
}

function sign(algorithm: string, changes: Json = {}, header: Json = {}, by?: KeyObject) {
  return new SignJWT({ ...claims, ...changes })
    .setProtectedHeader({ alg: algorithm, kid: algorithm, ...header })
    .sign(by ?? key(algorithm).privateKey);
}

const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

accessControllerSuite(
  'token',
  async () => {
    const { controller, log } = await start();
    const expired = await sign('ES256', { exp: nowSeconds - 61 });
    return {
      controller,
      log,
      good: async (accesses) => ({
        header: `bearer ${await sign('ES256', {
          access: accesses.map(({ type, name, action }) => ({ type, name, actions: [action] })),
        })}`,
        user: 'user',
      }),
      bad: [`Bearer ${expired}`, 'Bearer', 'Bearer  two', 'Bearer a.b.c', 'Basic dXNlcjpwYXNz'],
      secrets: [String(jwkOf(key('HS256').publicKey)['k'])],
      close: () => Promise.resolve(),
    };
  },
  { scheme: 'Bearer', partialGrants: true },
);

describe('token challenge', () => {
  it('has realm, service, merged scopes in the order asked for, and an error', async () => {
    const { controller, ask } = await start();
    const bare = await challengeOf(() => controller.authorize(requestWith({}), []));
    expect(bare.challenge).toBe('Bearer realm="https://auth.test/token",service="service"');
    const mount = await challengeOf(() =>
      controller.authorize(requestWith({}), [pull, push], [pullOther]),
    );
    expect(mount.challenge).toBe(
      'Bearer realm="https://auth.test/token",service="service",scope="repository:team/app:pull,push repository:other/app:pull"',
    );
    const narrow = await challengeOf(async () => ask(await sign('ES256'), [pullOther]));
    expect(narrow.challenge).toBe(
      'Bearer realm="https://auth.test/token",service="service",scope="repository:other/app:pull",error="insufficient_scope"',
    );
    const bad = await challengeOf(() => ask('x.y.z', []));
    expect(bad.challenge).toBe(
      'Bearer realm="https://auth.test/token",service="service",error="invalid_token"',
    );
  });

  it.each([
    [{ host: 'r.test:5000' }, 'https://r.test:5000/auth/token/'],
    [{ host: 'r.test', 'x-forwarded-proto': 'http' }, 'http://r.test/auth/token/'],
    [{ host: 'r.test', 'x-forwarded-proto': 'https, http' }, 'https://r.test/auth/token/'],
    [{ host: 'r.test', 'x-forwarded-proto': 'javascript' }, 'https://r.test/auth/token/'],
    [{ host: 'a"b' }, 'https://a\\"b/auth/token/'],
    [{}, 'https://auth.test/token'],
  ])('with autoredirect and headers %j has the realm %s', async (headers, realm) => {
    const { controller } = await start({ autoredirect: true });
    const error = await challengeOf(() =>
      controller.authorize(requestWith(headers as Record<string, string>), []),
    );
    expect(error.challenge).toBe(`Bearer realm="${realm}",service="service"`);
  });

  it('uses autoredirectpath', async () => {
    const { controller } = await start({ autoredirect: true, autoredirectpath: '/other' });
    const request = requestWith({ host: 'r.test' });
    const error = await challengeOf(() => controller.authorize(request, []));
    expect(error.challenge).toContain('realm="https://r.test/other"');
  });
});

describe('token signature', () => {
  it.each(signingAlgorithms)('is verified with %s and a key of the JWKS', async (algorithm) => {
    const { ask } = await start();
    const token = await sign(algorithm);
    expect((await ask(token)).userName).toBe('user');
    const [header, , signature] = token.split('.');
    const forged = `${header}.${part({ ...claims, sub: 'root' })}.${signature}`;
    await challengeOf(() => ask(forged));
  });

  it('only counts with a configured algorithm', async () => {
    const { ask, refusal } = await start({ signingalgorithms: ['ES256'] });
    await ask(await sign('ES256'));
    expect(await refusal(await sign('RS256'))).toEqual([
      'invalid_token',
      'alg is not one of the configured signing algorithms',
    ]);
  });

  it.each(['none', 'None', 'nOnE', '', 'ES256K', 'HS1'])('is refused with alg %j', async (alg) => {
    const { refusal } = await start();
    const [error] = await refusal(`${part({ alg, kid: 'ES256' })}.${part(claims)}.`);
    expect(error).toBe('invalid_token');
  });

  it('is refused when a public key is used as the secret of an HMAC', async () => {
    const { refusal } = await start();
    const { publicKey } = key('RS256');
    for (const secret of [
      publicKey.export({ type: 'spki', format: 'pem' }),
      publicKey.export({ type: 'spki', format: 'der' }),
    ]) {
      const input = `${part({ alg: 'HS256', kid: 'RS256' })}.${part(claims)}`;
      const mac = createHmac('sha256', secret).update(input).digest('base64url');
      expect(await refusal(`${input}.${mac}`)).toEqual([
        'invalid_token',
        'HS256 needs a symmetric key',
      ]);
    }
  });

  it.each([
    ['ES256', 'ES384', 'ES256 needs a key on P-256'],
    ['ES512', 'ES256', 'ES512 needs a key on P-521'],
    ['RS256', 'ES256', 'RS256 needs an RSA key'],
    ['RS256', 'HS256', 'RS256 needs an RSA key'],
    ['EdDSA', 'ES256', 'EdDSA needs an Ed25519 key'],
  ])('of %s is refused with a key for %s', async (alg, kid, reason) => {
    const { refusal } = await start();
    const token = `${part({ alg, kid })}.${part(claims)}.${part('signature')}`;
    expect(await refusal(token)).toEqual(['invalid_token', reason]);
  });

  it('heeds the alg of a JWKS entry and the length of secrets and RSA keys', async () => {
    const only = jwkOf(key('RS256').publicKey, { kid: 'only', alg: 'RS512' });
    const short = { kty: 'oct', kid: 'short', k: part('0123456789') };
    const { refusal, ask } = await start({
      jwks: await file(JSON.stringify({ keys: [only, short] })),
    });
    const wrong = await sign('RS256', {}, { kid: 'only' });
    expect(await refusal(wrong)).toEqual(['invalid_token', 'the key is for RS512 only']);
    await ask(await sign('RS512', {}, { kid: 'only' }, key('RS256').privateKey));
    const weak = `${part({ alg: 'HS256', kid: 'short' })}.${part(claims)}.x`;
    expect((await refusal(weak))[1]).toBe('the key is too short for HS256');
  });
});

describe('token key', () => {
  it('is found by thumbprint, by libtrust id and by x5c from the root bundle', async () => {
    const { ask } = await start({ rootcertbundle: await file(root.pem) });
    const leaf = makeCertificate({ name: 'leaf', issuer: root });
    for (const id of keyIdsOf(root.publicKey)) {
      await ask(await sign('ES256', {}, { kid: id }, root.privateKey));
    }
    await ask(await sign('ES256', {}, { kid: undefined, x5c: [leaf.base64] }, leaf.privateKey));
  });

  it('of a certificate outside the bundle is refused, also with a trusted kid beside it', async () => {
    const { refusal } = await start({ rootcertbundle: await file(root.pem) });
    const other = makeCertificate({ name: 'root', isCa: true });
    const header = { x5c: [other.base64], kid: libtrustId(root.publicKey) };
    const [error, reason] = await refusal(await sign('ES256', {}, header, other.privateKey));
    expect(error).toBe('invalid_token');
    expect(reason).toContain('does not lead to the root bundle');
  });

  it('embedded as jwk is never trusted by itself', async () => {
    const { refusal, ask } = await start({ rootcertbundle: await file(root.pem) });
    const own = key('ES256');
    const kid = thumbprints(root.publicKey)[0];
    const jwk = jwkOf(own.publicKey);
    expect(await refusal(await sign('ES256', {}, { kid: undefined, jwk }))).toEqual([
      'invalid_token',
      'no x5c, jwk or kid',
    ]);
    // Names a trusted key: that one is used, and it did not sign this.
    expect(await refusal(await sign('ES256', {}, { jwk: { ...jwk, kid } }))).toEqual([
      'invalid_token',
      'the signature is wrong',
    ]);
    await ask(await sign('ES256', {}, { jwk: { ...jwkOf(root.publicKey), kid } }, root.privateKey));
  });

  it('embedded as jwk counts with a chain of its own in x5c', async () => {
    const { refusal, ask } = await start({ rootcertbundle: await file(root.pem) });
    const leaf = makeCertificate({ name: 'leaf', issuer: root });
    const x5c = [leaf.base64];
    const own = { jwk: { ...jwkOf(leaf.publicKey), x5c } };
    await ask(await sign('ES256', {}, own, leaf.privateKey));
    const other = { jwk: { ...jwkOf(key('ES256').publicKey), x5c } };
    expect((await refusal(await sign('ES256', {}, other)))[1]).toBe(
      'jwk and its x5c hold different keys',
    );
  });

  it.each([
    [{ kty: 'oct', k: 'AAAA' }, 'jwk is not a public key'],
    [{ kty: 'EC', d: 'AAAA' }, 'jwk is not a public key'],
    [{ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }, 'jwk is not a valid public key'],
    ['text', 'jwk is not an object'],
  ])('embedded as %j is refused', async (jwk, reason) => {
    const { refusal } = await start();
    expect((await refusal(`${part({ alg: 'ES256', jwk })}.${part(claims)}.x`))[1]).toBe(reason);
  });

  it('must be named, and known', async () => {
    const { refusal } = await start();
    for (const kid of [undefined, '', 5]) {
      expect((await refusal(`${part({ alg: 'ES256', kid })}.${part(claims)}.x`))[1]).toBe(
        'no x5c, jwk or kid',
      );
    }
    expect((await refusal(await sign('ES256', {}, { kid: 'other' })))[1]).toBe(
      'kid is not a trusted key',
    );
  });
});

describe('token claims', () => {
  it.each<[string, Json, string]>([
    ['another issuer', { iss: 'other' }, 'iss'],
    ['no issuer', { iss: undefined }, 'iss'],
    ['another service', { aud: 'other' }, 'aud'],
    ['a list without the service', { aud: ['a', 'b'] }, 'aud'],
    ['no audience', { aud: undefined }, 'aud'],
    ['an end before the leeway', { exp: nowSeconds - 62 }, 'exp'],
    ['no end', { exp: undefined }, 'exp'],
    ['an end that is no integer', { exp: nowSeconds + 0.5 }, 'exp'],
    ['a start after the leeway', { nbf: nowSeconds + 62 }, 'nbf'],
    ['a subject that is no text', { sub: 1 }, 'sub'],
    ['an access that is no list', { access: {} }, 'access'],
    ['an access entry without a name', { access: [{ type: 'repository' }] }, 'access'],
    ['a null access entry', { access: [null] }, 'access'],
    ['actions that are no texts', { access: [{ ...access[0], actions: [1] }] }, 'access'],
  ])('are refused with %s', async (_case, changes, named) => {
    const { refusal } = await start();
    const [error, reason] = await refusal(await sign('ES256', changes as never), []);
    expect(error).toBe('invalid_token');
    expect(reason).toMatch(new RegExp(`^${named}`));
  });

  it.each<[string, Json]>([
    ['a list of audiences', { aud: ['other', 'service'] }],
    ['an end within the leeway', { exp: nowSeconds - 58 }],
    ['a start within the leeway', { nbf: nowSeconds + 58 }],
    ['no start', { nbf: undefined }],
    ['no subject', { sub: undefined }],
    ['null for access', { access: null }],
    ['an entry without actions', { access: [{ type: 'repository', name: 'a' }] }],
  ])('are accepted with %s', async (_case, changes) => {
    const { ask } = await start();
    await ask(await sign('ES256', changes as never), []);
  });

  it('merge entries of one resource, know * among actions, and compare names exactly', async () => {
    const { ask } = await start();
    const token = await sign('ES256', {
      access: [
        { type: 'repository', name: 'team/app', actions: ['pull'] },
        { type: 'repository', name: 'team/app', actions: ['push'] },
        { type: 'repository', name: 'all', actions: ['*'], class: 'plugin' },
        { type: 'repository', name: 'team/*', actions: ['pull'] },
        { type: 'registry', name: 'catalog', actions: ['*'] },
      ],
    });
    const grant = await ask(token, [pull, push, catalog]);
    expect(grant.permits({ ...pull, name: 'all', action: 'delete' })).toBe(true);
    expect(grant.permits({ ...pull, action: 'delete' })).toBe(false);
    expect(grant.permits({ ...pull, name: 'team/other' })).toBe(false);
    expect(grant.permits({ ...pull, type: 'registry' })).toBe(false);
    expect(grant.classOf?.('all')).toBe('plugin');
    expect(grant.classOf?.('team/app')).toBeUndefined();
  });
});

describe('hostile tokens', () => {
  it.each<[string, () => string, string]>([
    ['huge', () => `${part({ alg: 'ES256' })}.${'A'.repeat(65_536)}.x`, 'the token is too long'],
    ['of two parts', () => 'a.b', 'not a compact JWS'],
    ['of four parts', () => 'a.b.c.d', 'not a compact JWS'],
    ['with other characters', () => `${part({ alg: 'ES256' })}=.b.c`, 'not a compact JWS'],
    ['without JSON', () => `${part('{')}.b.c`, 'the header is not JSON'],
    [
      'without UTF-8',
      () => `${Buffer.from([0x7b, 0xff]).toString('base64url')}.b.c`,
      'the header is not UTF-8',
    ],
    ['with a list as header', () => `${part([])}.b.c`, 'the header is not a JSON object'],
    [
      'nested deeply',
      () => `${part(`{"alg":"ES256","x":${'['.repeat(9000)}${']'.repeat(9000)}}`)}.b.c`,
      'the header is nested too deeply',
    ],
    [
      'with extensions',
      () => `${part({ alg: 'ES256', kid: 'ES256', crit: ['b64'], b64: false })}.b.c`,
      'crit names extensions: none is known',
    ],
  ])('%s are refused', async (_case, token, reason) => {
    const { refusal } = await start();
    expect(await refusal(token())).toEqual(['invalid_token', reason]);
  });

  it('with a well signed but deep payload are refused', async () => {
    const { refusal } = await start();
    let deep: unknown = 1;
    for (let level = 0; level < 20; level += 1) deep = [deep];
    expect((await refusal(await sign('ES256', { deep })))[1]).toBe(
      'the payload is nested too deeply',
    );
  });

  it('do not let the answer tell which check failed', async () => {
    const { ask } = await start();
    const answers = new Set<string>();
    for (const token of [
      'a.b.c',
      await sign('ES256', { iss: 'other' }),
      await sign('ES256', { exp: 1 }),
      await sign('ES256', {}, {}, key('ES256').privateKey).then(
        (text) => `${text.slice(0, -8)}AAAAAAAA`,
      ),
    ]) {
      answers.add((await challengeOf(() => ask(token))).challenge);
    }
    expect(answers.size).toBe(1);
  });
});

describe('verified tokens', () => {
  it('are remembered, without a promise, until they end', async () => {
    let clock = nowMs;
    const { ask, refusal } = await start({}, () => clock);
    const token = await sign('ES256');
    expect(ask(token)).toBeInstanceOf(Promise);
    await ask(token);
    expect(ask(token)).not.toBeInstanceOf(Promise);
    clock += 359_000;
    await ask(token);
    clock += 3000;
    expect((await refusal(token))[1]).toContain('expired');
  });

  it('end with the certificate that vouches for them', async () => {
    let clock = nowMs;
    const end = new Date(nowMs + 100_000);
    const stamp = end.toISOString().replace(/[-:T]|\.\d+/g, '');
    const leaf = makeCertificate({ name: 'leaf', issuer: root, notAfter: stamp });
    const { ask, refusal } = await start({ rootcertbundle: await file(root.pem) }, () => clock);
    const token = await sign('ES256', {}, { x5c: [leaf.base64] }, leaf.privateKey);
    await ask(token);
    await ask(token);
    clock += 102_000;
    expect((await refusal(token))[1]).toContain('not valid now');
  });

  it('are not mistaken for others with the same signature', async () => {
    const { ask, refusal } = await start();
    const token = await sign('ES256');
    await ask(token);
    const [header, , signature] = token.split('.');
    const forged = `${header}.${part({ ...claims, sub: 'root' })}.${signature}`;
    expect((await refusal(forged))[1]).toBe('the signature is wrong');
  });

  it('are forgotten when the keys change, and new keys are taken up', async () => {
    const path = await file(
      JSON.stringify({ keys: [jwkOf(key('ES256').publicKey, { kid: 'k' })] }),
    );
    const { ask, log } = await start({ jwks: path });
    const old = await sign('ES256', {}, { kid: 'k' });
    const next = await sign('EdDSA', {}, { kid: 'k' });
    await ask(old);
    await challengeOf(() => ask(next));
    const content = JSON.stringify({ keys: [jwkOf(key('EdDSA').publicKey, { kid: 'k' })] });
    await writeFile(`${path}.new`, content);
    await rename(`${path}.new`, path);
    await vi.waitFor(() => ask(next), { timeout: 10_000, interval: 20 });
    await challengeOf(() => ask(old));
    expect(log.records.some(({ message }) => message === 'jwks file reloaded')).toBe(true);
  });

  it('stay good when new keys are broken', async () => {
    const path = await file(
      JSON.stringify({ keys: [jwkOf(key('ES256').publicKey, { kid: 'k' })] }),
    );
    const { ask, controller, log } = await start({ jwks: path });
    for (const broken of ['{"keys":', '{"keys":[]}']) {
      await writeFile(path, broken);
      await controller.reload?.();
      await ask(await sign('ES256', {}, { kid: 'k' }));
    }
    expect(log.records.filter(({ level }) => level === 'error')).toHaveLength(2);
  });
});

describe('token start', () => {
  const prefix = 'unable to configure authorization (token): ';
  it.each<[string, () => Promise<Partial<TokenOptions>>, string]>([
    [
      'a missing bundle',
      async () => ({ rootcertbundle: '/nonexistent' }),
      'unable to open token auth root certificate bundle file "/nonexistent": ENOENT',
    ],
    [
      'a missing JWKS file',
      async () => ({ jwks: '/nonexistent' }),
      'unable to open jwks file "/nonexistent": ENOENT',
    ],
    ['a broken JWKS', async () => ({ jwks: await file('x') }), 'failed to parse jwks: not JSON'],
    [
      'a broken certificate',
      async () => ({
        rootcertbundle: await file(
          '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
        ),
      }),
      'certificate 1 of the token auth root certificate bundle cannot be read',
    ],
    [
      'no key at all',
      async () => ({ rootcertbundle: await file('-----BEGIN X-----\nAAAA\n-----END X-----\n') }),
      'token auth requires at least one token signing key',
    ],
    [
      'an unknown algorithm',
      async () => ({ jwks: await jwksOfAll(), signingalgorithms: ['ES1'] as never }),
      'unsupported signing algorithm: ES1',
    ],
    ['an empty issuer', async () => ({ issuer: '' }), '"issuer" must be set for token'],
  ])('fails with %s, in one line', async (_case, changes, message) => {
    const error = await start(await changes()).then(
      () => undefined,
      (reason: unknown) => reason as Error,
    );
    expect(error?.message.startsWith(prefix + message), error?.message).toBe(true);
    expect(error?.message).not.toContain('\n');
  });

  it('fails without bundle and JWKS', () => {
    const { log } = { log: recordLogs() };
    expect(() =>
      createAccessController(
        { token: optionsWith({}) },
        {
          verifier: { verify: () => Promise.resolve(false) },
          logger: log.logger,
          announce: () => {},
        },
      ),
    ).toThrow(`${prefix}token auth requires at least one token signing key`);
  });
});

describe('with a token server', () => {
  const server = (keyName: 'kid' | 'libtrust' | 'literal' | 'x5c') =>
    startTokenServer({ users: { ci: 'pw' }, issuer: 'issuer', service: 'service', keyName });

  it.each(['kid', 'libtrust', 'literal', 'x5c'] as const)(
    'tokens that name their key by %s are accepted',
    async (keyName) => {
      const tokens = await server(keyName);
      try {
        const source =
          keyName === 'literal' ? { jwks: tokens.jwksPath } : { rootcertbundle: tokens.certPath };
        const { ask } = await start({ realm: tokens.url, ...source }, Date.now);
        const scope = 'repository:team/app:pull,push';
        const response = await fetch(
          `${tokens.url}?service=service&scope=${encodeURIComponent(scope)}`,
          { headers: { authorization: `Basic ${Buffer.from('ci:pw').toString('base64')}` } },
        );
        const { token } = (await response.json()) as { token: string };
        expect((await ask(token, [pull, push])).userName).toBe('ci');
      } finally {
        await tokens.close();
      }
    },
  );

  it('refresh tokens of both flows get new access tokens', async () => {
    const tokens = await server('kid');
    try {
      const { ask } = await start({ realm: tokens.url, jwks: tokens.jwksPath }, Date.now);
      const login = await fetch(`${tokens.url}?offline_token=true&service=service`, {
        headers: { authorization: `Basic ${Buffer.from('ci:pw').toString('base64')}` },
      });
      const { refresh_token: refreshToken } = (await login.json()) as { refresh_token: string };
      const again = await fetch(tokens.url, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'refresh_token',
          refresh_token: refreshToken,
          scope: 'repository:team/app:pull',
        }),
      });
      const { access_token: accessToken } = (await again.json()) as { access_token: string };
      expect((await ask(accessToken)).userName).toBe('ci');
      const wrong = await fetch(tokens.url, {
        method: 'POST',
        body: new URLSearchParams({ grant_type: 'password', username: 'ci', password: 'no' }),
      });
      expect(wrong.status).toBe(401);
      expect(tokens.requests).toEqual(['GET basic offline', 'POST refresh_token', 'POST password']);
    } finally {
      await tokens.close();
    }
  });
});
