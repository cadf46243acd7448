import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashSync } from 'bcryptjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Access, AccessController } from '../../../../src/auth/access.ts';
import { createAccessController } from '../../../../src/auth/create-access-controller.ts';
import { compileAccessRules } from '../../../../src/auth/htpasswd/access-rules.ts';
import type { AccessRuleOptions } from '../../../../src/auth/options.ts';
import { Secret } from '../../../../src/options/secret.ts';
import {
  catalog,
  challengeOf,
  pull,
  push,
  refusalOf,
  requestWith,
  withAuthorization,
} from '../../../suites/access-controller.ts';
import { startBcryptPool } from '../../../support/bcrypt-pool.ts';
import { recordLogs } from '../../../support/log-recorder.ts';

const rule = (part: Partial<AccessRuleOptions>): AccessRuleOptions => ({
  users: [],
  groups: [],
  anonymous: false,
  repository: '**',
  actions: ['pull'],
  ...part,
});
const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

/** "Anyone pulls, CI pushes to team/*", and a private part for admins. */
const anyonePullsCiPushes = [
  rule({ anonymous: true, repository: 'team/*' }),
  rule({ anonymous: true, repository: 'public/**' }),
  rule({ users: ['ci'], repository: 'team/*', actions: ['pull', 'push'] }),
  rule({ groups: ['admins'], actions: ['*'] }),
];

const pool = startBcryptPool();
let folder = '';
let path = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-rules-'));
  path = join(folder, 'htpasswd');
  await writeFile(
    path,
    ['ci', 'dev', 'root'].map((u) => `${u}:${hashSync(`${u}-pw`, 4)}`).join('\n'),
  );
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await pool.close();
});

async function using(
  access: readonly AccessRuleOptions[],
  run: (controller: AccessController, log: ReturnType<typeof recordLogs>) => Promise<void>,
  more: { nowMs?: () => number; tokenSecret?: Secret } = {},
): Promise<void> {
  const log = recordLogs();
  const controller = createAccessController(
    { htpasswd: { realm: 'test realm', path, access, groups: { admins: ['root'] } } },
    { verifier: pool, logger: log.logger, announce: () => {}, ...more },
  );
  await controller.start?.();
  try {
    await run(controller, log);
  } finally {
    await controller.stop?.();
  }
}

const at = (name: string, action: string): Access => ({ type: 'repository', name, action });
const nobody = requestWith({ host: 'registry.test:5000' });
const emptyBasic = withAuthorization('Basic Og==');

describe('access rules', () => {
  it('allow only what some rule allows', () => {
    const rules = compileAccessRules(anyonePullsCiPushes, { admins: ['root'] });
    expect(rules.allows(undefined, pull)).toBe(true);
    expect(rules.allows(undefined, push)).toBe(false);
    expect(rules.allows('dev', pull)).toBe(true);
    expect(rules.allows('dev', push)).toBe(false);
    expect(rules.allows('ci', push)).toBe(true);
    expect(rules.allows('ci', at('team/app', 'delete'))).toBe(false);
    expect(rules.allows('ci', at('team/a/b', 'push'))).toBe(false);
    expect(rules.allows('root', at('any/where', 'delete'))).toBe(true);
    expect(rules.allows('dev', at('private/x', 'pull'))).toBe(false);
    expect(rules.allows('dev', { type: 'other', name: 'team/app', action: 'pull' })).toBe(false);
  });

  it('read * among users as everybody who signed in', () => {
    const rules = compileAccessRules([rule({ users: ['*'] })], {});
    expect(rules.allows('dev', pull)).toBe(true);
    expect(rules.allows(undefined, pull)).toBe(false);
    expect(rules.allows(undefined, catalog)).toBe(false);
    expect(rules.allows('dev', catalog)).toBe(true);
  });

  it.each([
    [rule({}), 'access rule 1: needs users, groups or anonymous: true'],
    [rule({ groups: ['none'] }), 'access rule 1: group "none" is not in groups'],
    [rule({ groups: ['toString'] }), 'access rule 1: group "toString" is not in groups'],
    [rule({ users: ['a'], actions: [] }), 'access rule 1: has no actions'],
    [rule({ users: ['a'], repository: 'A b' }), 'access rule 1: repository "A b"'],
  ])('refuse a rule that means nothing', (broken, message) => {
    expect(() => compileAccessRules([broken], {})).toThrow(message);
  });

  it('answer 403 to a right password without the right, and 401 to none', () =>
    using(anyonePullsCiPushes, async (controller) => {
      const denied = await refusalOf(() =>
        controller.authorize(withAuthorization(basic('dev', 'dev-pw')), [pull, push]),
      );
      expect(denied).toMatchObject({
        code: 'DENIED',
        detail: [
          { Type: 'repository', Class: '', Name: 'team/app', Action: 'pull' },
          { Type: 'repository', Class: '', Name: 'team/app', Action: 'push' },
        ],
      });
      await challengeOf(() => controller.authorize(nobody, [pull, push]));
    }));

  it('tell in the grant what else is permitted, for mounts and the catalog', () =>
    using(anyonePullsCiPushes, async (controller) => {
      const grant = await controller.authorize(
        withAuthorization(basic('ci', 'ci-pw')),
        [pull, push],
        [at('private/x', 'pull')],
      );
      expect(grant.permits(at('private/x', 'pull'))).toBe(false);
      expect(grant.permits(at('public/x/y', 'pull'))).toBe(true);
      const list = await controller.authorize(emptyBasic, [catalog]);
      expect(list.userName).toBe('');
      expect(['team/a', 'private/x'].map((name) => list.permits(at(name, 'pull')))).toEqual([
        true,
        false,
      ]);
    }));

  it('keep the Basic challenge and no token issuer when nothing is anonymous', () =>
    using([rule({ users: ['*'] })], async (controller) => {
      expect(controller.tokenIssuer).toBeUndefined();
      const error = await challengeOf(() => controller.authorize(nobody, []));
      expect(error.challenge).toBe('Basic realm="test realm"');
    }));

  it('warn of users that the file lacks', () =>
    using([rule({ users: ['ghost'] })], async (_controller, log) => {
      expect(log.records.map(({ fields }) => fields['username'])).toEqual(['ghost']);
    }));
});

describe('anonymous rules', () => {
  const bearer = (token: string) =>
    requestWith({ host: 'registry.test:5000', authorization: `Bearer ${token}` });

  it('send clients from /v2/ to the tokens of the registry itself', () =>
    using(anyonePullsCiPushes, async (controller) => {
      const error = await challengeOf(() => controller.authorize(nobody, []));
      expect(error.challenge).toBe(
        'Bearer realm="http://registry.test:5000/auth/token",service="test realm"',
      );
      const behindProxy = requestWith({ host: 'r.test', 'x-forwarded-proto': 'https' });
      const scoped = await challengeOf(() => controller.authorize(behindProxy, [push]));
      expect(scoped.challenge).toBe(
        'Bearer realm="https://r.test/auth/token",service="test realm",scope="repository:team/app:push"',
      );
    }));

  it('challenge every request without credentials, so that clients bring theirs early', () =>
    using(anyonePullsCiPushes, async (controller) => {
      for (const required of [[], [pull], [catalog]]) {
        await challengeOf(() => controller.authorize(nobody, required));
      }
    }));

  it('serve a pull with empty credentials and with an anonymous token', () =>
    using(anyonePullsCiPushes, async (controller) => {
      const token = (await controller.tokenIssuer?.issue(nobody))?.token ?? '';
      for (const request of [emptyBasic, bearer(token)]) {
        expect((await controller.authorize(request, [pull])).userName).toBe('');
        await challengeOf(() => controller.authorize(request, [push]));
      }
      // The docker daemon asks /v2/ again with its token.
      await controller.authorize(bearer(token), []);
    }));

  it('refuse wrong credentials even where none are needed', () =>
    using(anyonePullsCiPushes, async (controller) => {
      const wrong = withAuthorization(basic('ci', 'wrong'));
      await challengeOf(() => controller.authorize(wrong, []));
      await challengeOf(() => controller.authorize(wrong, [pull]));
      await challengeOf(() => controller.authorize(bearer('made.up'), [pull]));
      const issuer = controller.tokenIssuer;
      await expect(issuer?.issue(wrong)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    }));

  it("give a user's token by GET and by the OAuth2 password grant", () =>
    using(anyonePullsCiPushes, async (controller) => {
      const issuer = controller.tokenIssuer;
      const form = new URLSearchParams({
        grant_type: 'password',
        username: 'ci',
        password: 'ci-pw',
      });
      for (const issued of [
        await issuer?.issue(withAuthorization(basic('ci', 'ci-pw'))),
        await issuer?.issue(nobody, form),
      ]) {
        expect(issued).toMatchObject({ expires_in: 300, access_token: issued?.token });
        const grant = await controller.authorize(bearer(issued?.token ?? ''), [pull, push]);
        expect(grant.userName).toBe('ci');
      }
      const refresh = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'x' });
      await expect(issuer?.issue(nobody, refresh)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    }));

  it('let tokens end after their time, when altered, and when the password changes', async () => {
    let nowMs = Date.now();
    const secret = new Secret('shared by all instances');
    await using(
      anyonePullsCiPushes,
      async (controller, log) => {
        const issued = await controller.tokenIssuer?.issue(withAuthorization(basic('ci', 'ci-pw')));
        const token = issued?.token ?? '';
        const claims = Buffer.from(JSON.stringify(['root', 9e9])).toString('base64url');
        const forged = `${claims}.${token.split('.')[1]}`;
        await challengeOf(() => controller.authorize(bearer(forged), [pull]));
        nowMs += 299_000;
        await controller.authorize(bearer(token), [push]);
        nowMs += 2000;
        await challengeOf(() => controller.authorize(bearer(token), [push]));
        nowMs -= 300_000;

        // Another instance with the same secret accepts it.
        await using(
          anyonePullsCiPushes,
          async (other) => {
            await other.authorize(bearer(token), [push]);
          },
          { tokenSecret: secret },
        );
        await writeFile(path, `ci:${hashSync('another', 4)}\n`);
        await controller.reload?.();
        await challengeOf(() => controller.authorize(bearer(token), [push]));
        for (const text of [token, 'ci-pw', 'shared by']) expect(log.text()).not.toContain(text);
      },
      { nowMs: () => nowMs, tokenSecret: secret },
    );
  });
});
