import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashSync } from 'bcryptjs';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AccessController } from '../../../../src/auth/access.ts';
import { createAccessController } from '../../../../src/auth/create-access-controller.ts';
import type { HtpasswdParts } from '../../../../src/auth/htpasswd/htpasswd.ts';
import type { HtpasswdOptions } from '../../../../src/auth/options.ts';
import {
  accessControllerSuite,
  challengeOf,
  pull,
  push,
  refusalOf,
  requestWith,
  withAuthorization,
} from '../../../suites/access-controller.ts';
import { startBcryptPool } from '../../../support/bcrypt-pool.ts';
import { recordLogs } from '../../../support/log-recorder.ts';

const pool = startBcryptPool();
afterAll(() => pool.close());

const line = (user: string, password: string, cost = 4): string =>
  `${user}:${hashSync(password, cost)}\n`;
const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

let folder = '';
let path = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-htpasswd-'));
  path = join(folder, 'htpasswd');
});
const started: AccessController[] = [];
afterEach(async () => {
  for (const controller of started.splice(0)) await controller.stop?.();
  await rm(folder, { recursive: true });
});

async function start(
  changes: Partial<HtpasswdOptions> = {},
  parts: Partial<HtpasswdParts> = {},
): Promise<{
  controller: AccessController;
  log: ReturnType<typeof recordLogs>;
  lines: string[];
  signIn(user: string, password: string): Promise<string>;
}> {
  const log = recordLogs();
  const lines: string[] = [];
  const controller = createAccessController(
    { htpasswd: { realm: 'test realm', path, groups: {}, ...changes } },
    { verifier: pool, logger: log.logger, announce: (text) => lines.push(text), ...parts },
  );
  await controller.start?.();
  started.push(controller);
  return {
    controller,
    log,
    lines,
    async signIn(user, password) {
      const grant = await controller.authorize(withAuthorization(basic(user, password)), [pull]);
      return grant.userName;
    },
  };
}

accessControllerSuite(
  'htpasswd',
  async () => {
    const hash = hashSync('right password', 4);
    await writeFile(path, `# team\nuser:${hash}\n`);
    const { controller, log } = await start();
    return {
      controller,
      log,
      good: () => Promise.resolve({ header: basic('user', 'right password'), user: 'user' }),
      bad: [
        basic('user', 'wrong password'),
        basic('nobody', 'right password'),
        'Basic !!',
        'Bearer some.token.here',
      ],
      secrets: ['right password', 'wrong password', hash],
      close: () => Promise.resolve(),
    };
  },
  { scheme: 'Basic', partialGrants: false },
);

describe('htpasswd', () => {
  it('names its realm in the challenge', async () => {
    await writeFile(path, line('a', 'b'));
    const { controller } = await start();
    const error = await challengeOf(() => controller.authorize(requestWith({}), [pull]));
    expect(error.challenge).toBe('Basic realm="test realm"');
  });

  it('accepts what the htpasswd command and each bcrypt kind make, and colons in passwords', async () => {
    const made = execFileSync('htpasswd', ['-nbBC', '5', 'apache', 'a:b:c']).toString();
    const plain = hashSync('p', 4);
    await writeFile(
      path,
      `${made}\n${['a', 'b', 'y'].map((kind) => `k${kind}:${plain.replace('$2b$', `$2${kind}$`)}`).join('\n')}`,
    );
    const { signIn } = await start();
    expect(await signIn('apache', 'a:b:c')).toBe('apache');
    for (const user of ['ka', 'kb', 'ky']) expect(await signIn(user, 'p')).toBe(user);
  });

  it('compares the first 72 bytes of a password, as Go does', async () => {
    const long = `${'x'.repeat(71)}é`; // the é straddles the limit
    await writeFile(path, line('long', `${long}tail`) + line('full', 'y'.repeat(72)));
    const { signIn } = await start();
    expect(await signIn('long', `${long}other`)).toBe('long');
    expect(await signIn('full', `${'y'.repeat(72)}more`)).toBe('full');
    await expect(signIn('full', 'y'.repeat(71))).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  });

  it('spends the same bcrypt cost on a user that it does not know', async () => {
    await writeFile(path, line('known', 'p', 6));
    const hashes: string[] = [];
    const { signIn } = await start(
      {},
      {
        verifier: {
          verify(password, hash) {
            hashes.push(hash);
            return pool.verify(password, hash);
          },
        },
      },
    );
    await expect(signIn('unknown', 'p')).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    expect(hashes).toHaveLength(1);
    expect(hashes[0]).toMatch(/^\$2b\$06\$[./A-Za-z0-9]{53}$/);
  });

  it('remembers a right password for a minute and a wrong one for ten seconds', async () => {
    await writeFile(path, line('a', 'p'));
    let nowMs = 1_000_000;
    const { signIn } = await start({}, { nowMs: () => nowMs });
    const before = pool.count;
    await signIn('a', 'p');
    nowMs += 59_000;
    await signIn('a', 'p');
    expect(pool.count - before).toBe(1);
    nowMs += 2000;
    await signIn('a', 'p');
    expect(pool.count - before).toBe(2);

    for (const step of [0, 9000]) {
      nowMs += step;
      await expect(signIn('a', 'wrong')).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    }
    expect(pool.count - before).toBe(3);
    nowMs += 2000;
    await expect(signIn('a', 'wrong')).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    expect(pool.count - before).toBe(4);
  });

  it('locks nobody out for wrong passwords', async () => {
    await writeFile(path, line('a', 'p'));
    const { signIn } = await start();
    for (let guess = 0; guess < 20; guess += 1) {
      await expect(signIn('a', `guess ${guess}`)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    }
    expect(await signIn('a', 'p')).toBe('a');
  });

  it('answers a remembered password without a promise', async () => {
    await writeFile(path, line('a', 'p'));
    const { controller, signIn } = await start();
    await signIn('a', 'p');
    expect(controller.authorize(withAuthorization(basic('a', 'p')), [push])).not.toBeInstanceOf(
      Promise,
    );
  });

  it('forgets a remembered password as soon as a changed file is read', async () => {
    await writeFile(path, line('a', 'old'));
    const { controller, signIn } = await start();
    await signIn('a', 'old');
    await writeFile(path, line('a', 'new'));
    await controller.reload?.();
    await expect(signIn('a', 'old')).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    expect(await signIn('a', 'new')).toBe('a');
  });

  it('lets a file that changes during a comparison decide by its new content', async () => {
    await writeFile(path, line('a', 'old'));
    let change = async (): Promise<void> => {};
    const { controller, signIn } = await start(
      {},
      {
        verifier: {
          async verify(password, hash) {
            const isRight = await pool.verify(password, hash);
            await change();
            return isRight;
          },
        },
      },
    );
    change = async () => {
      change = async () => {};
      await writeFile(path, line('a', 'new'));
      await controller.reload?.();
    };
    await expect(signIn('a', 'old')).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  });

  it('keeps the last good file when a new one is broken, and logs the line', async () => {
    await writeFile(path, line('a', 'p'));
    const { controller, signIn, log } = await start();
    await writeFile(path, `${line('a', 'q')}no colon here\n`);
    await controller.reload?.();
    await controller.reload?.();
    expect(await signIn('a', 'p')).toBe('a');
    const errors = log.records.filter(({ level }) => level === 'error');
    expect(errors).toHaveLength(1);
    expect(errors[0]?.fields['error']).toBe('invalid entry at line 2');
    await rm(path);
    await controller.reload?.();
    expect(await signIn('a', 'p')).toBe('a');
  });

  it('warns of entries of another kind by line', async () => {
    await writeFile(path, `${line('a', 'p')}b:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n`);
    const { log } = await start();
    expect(log.records.map(({ message }) => message)).toEqual([
      'htpasswd file: line 2 has a SHA-1 hash and is ignored: only bcrypt is supported',
    ]);
  });

  it('does not start with an invalid file', async () => {
    await writeFile(path, 'nonsense\n');
    await expect(start()).rejects.toThrow(
      `unable to configure authorization (htpasswd): htpasswd file ${path}: invalid entry at line 1`,
    );
  });
});

describe('htpasswd file changes', () => {
  const changed = (signIn: (user: string, password: string) => Promise<string>): Promise<void> =>
    vi.waitFor(
      async () => {
        expect(await signIn('a', 'new')).toBe('a');
        await expect(signIn('a', 'old')).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
      },
      { timeout: 10_000, interval: 20 },
    );

  it('are noticed when the file is rewritten in place', async () => {
    await writeFile(path, line('a', 'old'));
    const { signIn } = await start();
    expect(await signIn('a', 'old')).toBe('a');
    await writeFile(path, line('a', 'new'));
    await changed(signIn);
  });

  it('are noticed when another file is renamed over it', async () => {
    await writeFile(path, line('a', 'old'));
    const { signIn } = await start();
    await writeFile(`${path}.new`, line('a', 'new'));
    await rename(`${path}.new`, path);
    await changed(signIn);
  });

  it('are noticed when a Kubernetes volume swaps its ..data link', async () => {
    await mkdir(join(folder, '..1'));
    await mkdir(join(folder, '..2'));
    await writeFile(join(folder, '..1', 'htpasswd'), line('a', 'old'));
    await writeFile(join(folder, '..2', 'htpasswd'), line('a', 'new'));
    await symlink('..1', join(folder, '..data'));
    await symlink('..data/htpasswd', path);
    const { signIn } = await start();
    expect(await signIn('a', 'old')).toBe('a');
    await symlink('..2', join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    await changed(signIn);
  });

  it('are noticed by polling when they happen outside the watched folder', async () => {
    const far = join(folder, 'far');
    const near = join(folder, 'near');
    await mkdir(far);
    await mkdir(near);
    await writeFile(join(far, 'real'), line('a', 'old'));
    path = join(near, 'htpasswd');
    await symlink(join(far, 'real'), path);
    const { signIn } = await start({}, { pollMs: 20 });
    await writeFile(join(far, 'next'), line('a', 'new'));
    await rename(join(far, 'next'), join(far, 'real'));
    await changed(signIn);
  });
});

describe('a missing htpasswd file', () => {
  it('is made with a user whose password is printed once and logged never', async () => {
    path = join(folder, 'deep', 'er', 'htpasswd');
    const { lines, log, signIn } = await start();
    expect(lines).toHaveLength(1);
    const [, user = '', password = ''] =
      /user "(.+)" and password "(.+)"/.exec(lines[0] ?? '') ?? [];
    expect(password).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(await signIn(user, password)).toBe('docker');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'deep'))).mode & 0o777).toBe(0o700);
    expect(await readFile(path, 'utf8')).toMatch(/^docker:\$2[aby]\$10\$[^\n]+\n$/);
    expect(log.records.filter(({ level }) => level === 'warn')).toHaveLength(1);
    expect(log.text()).not.toContain(password);

    const again = await start();
    expect(again.lines).toEqual([]);
    expect(await again.signIn(user, password)).toBe('docker');
  });

  it('is made once by two instances that start together', async () => {
    const [one, two] = await Promise.all([start(), start()]);
    expect([...one.lines, ...two.lines]).toHaveLength(1);
    const [, password = ''] = /password "(.+)"/.exec([...one.lines, ...two.lines].join('')) ?? [];
    expect(await one.signIn('docker', password)).toBe('docker');
    expect(await two.signIn('docker', password)).toBe('docker');
  });

  it('stops the start when its folder cannot be made', async () => {
    await writeFile(join(folder, 'file'), '');
    path = join(folder, 'file', 'htpasswd');
    await expect(start()).rejects.toThrow(/^unable to configure authorization \(htpasswd\): /);
  });
});

it('a queue full of password checks is 503, not a refusal', async () => {
  await writeFile(path, line('a', 'p'));
  const { controller } = await start(
    {},
    {
      limits: { concurrency: 1, waiting: 1 },
      // Never answers: the queue has to stay full.
      verifier: { verify: () => new Promise<boolean>(() => {}) },
    },
  );
  const ask = (password: string) =>
    controller.authorize(withAuthorization(basic('a', password)), [pull]);
  void ask('1');
  void ask('2');
  expect(await refusalOf(() => ask('3'))).toMatchObject({ code: 'UNAVAILABLE' });
});
