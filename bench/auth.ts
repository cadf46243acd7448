/**
 * What does authentication cost a request once the credentials are known?
 *
 *   npx tsc -p test/tsconfig.json --noEmit false --outDir dist/bench-run && node dist/bench-run/bench/auth.js
 *
 * Prints the machine, the versions and nanoseconds for each check, cached and uncached.
 */

import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashSync } from 'bcryptjs';
import { SignJWT } from 'jose';
import type { AccessController } from '../src/auth/access.ts';
import { createAccessController } from '../src/auth/create-access-controller.ts';
import { silentLogger } from '../src/observe/logger.ts';
import { verifyPassword } from '../src/worker/bcrypt-job.ts';

const pull = { type: 'repository', name: 'team/app', action: 'pull' };
const folder = await mkdtemp(join(tmpdir(), 'longshore-bench-'));
const parts = {
  // On the main thread: only the first, uncached check comes here, and it is timed apart.
  verifier: {
    verify: (password: string, hash: string) => verifyPassword({ password, hash }),
  },
  logger: silentLogger,
  announce: () => {},
};

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function measure(name: string, rounds: number, run: () => unknown): Promise<void> {
  for (let round = 0; round < rounds / 10; round += 1) await run();
  const start = process.hrtime.bigint();
  for (let round = 0; round < rounds; round += 1) {
    const result = run();
    if (result instanceof Promise) await result;
  }
  const each = Number(process.hrtime.bigint() - start) / rounds;
  print(`${name.padEnd(46)} ${each.toFixed(0).padStart(10)} ns/op`);
}

function asking(controller: AccessController, authorization: string): () => unknown {
  const request = {
    method: 'GET',
    header: (name: string) => (name === 'authorization' ? authorization : undefined),
  };
  return () => controller.authorize(request, [pull]);
}

print(`${cpus()[0]?.model} x ${cpus().length}, Node ${process.version}`);

const path = join(folder, 'htpasswd');
await writeFile(path, `user:${hashSync('password', 10)}\n`);
const basic = `Basic ${Buffer.from('user:password').toString('base64')}`;
const htpasswd = createAccessController({ htpasswd: { realm: 'r', path, groups: {} } }, parts);
await htpasswd.start?.();
const hash = hashSync('password', 10);
await measure('bcrypt, cost 10', 10, () => verifyPassword({ password: 'password', hash }));
await measure('htpasswd, password remembered', 200_000, asking(htpasswd, basic));
await htpasswd.stop?.();

const ruled = createAccessController(
  {
    htpasswd: {
      realm: 'r',
      path,
      groups: {},
      access: [
        { users: ['ci'], groups: [], anonymous: false, repository: 'x/**', actions: ['*'] },
        { users: [], groups: [], anonymous: true, repository: 'team/*', actions: ['pull'] },
      ],
    },
  },
  parts,
);
await ruled.start?.();
await measure('htpasswd with rules, password remembered', 200_000, asking(ruled, basic));
const own = (await ruled.tokenIssuer?.issue({ method: 'GET', header: () => basic }))?.token;
await measure('htpasswd with rules, token of its own', 100_000, asking(ruled, `Bearer ${own}`));
await ruled.stop?.();

for (const [algorithm, pair] of [
  ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
] as const) {
  const jwks = join(folder, `${algorithm}.json`);
  const jwk = { ...pair.publicKey.export({ format: 'jwk' }), kid: 'k' };
  await writeFile(jwks, JSON.stringify({ keys: [jwk] }));
  const privateKey = createPrivateKey(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const sign = (count: number): Promise<string> =>
    new SignJWT({
      access: [{ type: 'repository', name: 'team/app', actions: ['pull', 'push'] }],
      count,
    })
      .setProtectedHeader({ alg: algorithm, kid: 'k' })
      .setIssuer('i')
      .setAudience('s')
      .setSubject('user')
      .setExpirationTime('1h')
      .sign(privateKey);
  const token = createAccessController(
    {
      token: {
        realm: 'r',
        service: 's',
        issuer: 'i',
        jwks,
        autoredirect: false,
        autoredirectpath: '/',
        signingalgorithms: [],
      },
    },
    parts,
  );
  await token.start?.();
  await measure(`${algorithm} token remembered`, 200_000, asking(token, `Bearer ${await sign(0)}`));
  const fresh: string[] = [];
  for (let count = 1; count <= 1100; count += 1) fresh.push(await sign(count));
  await measure(`${algorithm} token never seen`, 1000, () =>
    asking(token, `Bearer ${fresh.pop()}`)(),
  );
  await token.stop?.();
}
await rm(folder, { recursive: true });
