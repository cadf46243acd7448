/** Behaviour that every access controller with credentials must show; run by the tests of silly, htpasswd and token. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Access,
  type AccessController,
  type AccessRequest,
  ChallengeError,
  type Grant,
} from '../../src/auth/access.ts';
import { hasCode } from '../../src/errors.ts';
import type { LogRecorder } from '../support/log-recorder.ts';

export interface ControllerUnderTest {
  readonly controller: AccessController;
  readonly log: LogRecorder;
  /** An Authorization header that covers the accesses, and whose it is. */
  good(accesses: readonly Access[]): Promise<{ header: string; user: string }>;
  /** Headers that must be refused. Empty when the controller takes anything (silly). */
  readonly bad: readonly string[];
  /** Texts that no log may hold: passwords, hashes. Headers of `good` and `bad` are looked for by the suite. */
  readonly secrets: readonly string[];
  close(): Promise<void>;
}

export interface ControllerAbilities {
  readonly scheme: 'Basic' | 'Bearer';
  /** Credentials may cover one thing and not another. */
  readonly partialGrants: boolean;
}

export const pull: Access = { type: 'repository', name: 'team/app', action: 'pull' };
export const push: Access = { type: 'repository', name: 'team/app', action: 'push' };
export const pullOther: Access = { type: 'repository', name: 'other/app', action: 'pull' };
export const catalog: Access = { type: 'registry', name: 'catalog', action: '*' };

export function requestWith(headers: Record<string, string>, method = 'GET'): AccessRequest {
  return { method, header: (name) => headers[name] };
}

export function withAuthorization(authorization: string): AccessRequest {
  return requestWith({ host: 'registry.test', authorization });
}

/** What `authorize` throws, whether at once or by rejecting. */
export async function refusalOf(run: () => Promise<Grant> | Grant): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    return error;
  }
  throw new Error('was granted');
}

export async function challengeOf(run: () => Promise<Grant> | Grant): Promise<ChallengeError> {
  const error = await refusalOf(run);
  if (!(error instanceof ChallengeError)) throw error;
  return error;
}

export function accessControllerSuite(
  name: string,
  make: () => Promise<ControllerUnderTest>,
  abilities: ControllerAbilities,
): void {
  const anonymous = requestWith({ host: 'registry.test' });
  async function using(run: (subject: ControllerUnderTest) => Promise<void>): Promise<void> {
    const subject = await make();
    try {
      await run(subject);
    } finally {
      await subject.close();
    }
  }

  describe(`access controller ${name}`, () => {
    it('challenges a request without credentials and prints no detail for /v2/', () =>
      using(async ({ controller }) => {
        const error = await challengeOf(() => controller.authorize(anonymous, []));
        expect(error.code).toBe('UNAUTHORIZED');
        expect(error.challenge).toMatch(new RegExp(`^${abilities.scheme} realm="[^"]+"`));
        expect(error.challenge).not.toContain('scope=');
        expect(error.detail).toBeNull();
      }));

    it('names required and optional accesses in the detail of a challenge', () =>
      using(async ({ controller }) => {
        const error = await challengeOf(() =>
          controller.authorize(anonymous, [pull, push], [pullOther]),
        );
        expect(error.detail).toEqual([
          { Type: 'repository', Class: '', Name: 'team/app', Action: 'pull' },
          { Type: 'repository', Class: '', Name: 'team/app', Action: 'push' },
          { Type: 'repository', Class: '', Name: 'other/app', Action: 'pull' },
        ]);
        if (abilities.scheme === 'Bearer') expect(error.challenge).toContain('other/app:pull');
      }));

    it('takes an empty Authorization header as none', () =>
      using(async ({ controller }) => {
        await challengeOf(() => controller.authorize(withAuthorization(''), [pull]));
      }));

    it('grants what good credentials cover, again and again, and names the user', () =>
      using(async ({ controller, good }) => {
        const { header, user } = await good([pull, push]);
        for (let round = 0; round < 3; round += 1) {
          const grant = await controller.authorize(withAuthorization(header), [pull, push]);
          expect(grant.userName).toBe(user);
          expect(grant.permits(pull) && grant.permits(push)).toBe(true);
        }
      }));

    it('grants the catalog and a bare /v2/ to good credentials', () =>
      using(async ({ controller, good }) => {
        const { header } = await good([catalog]);
        const grant = await controller.authorize(withAuthorization(header), [catalog]);
        expect(grant.permits(catalog)).toBe(true);
        await controller.authorize(withAuthorization(header), []);
      }));

    it('refuses bad credentials every time, with the challenge of its scheme', () =>
      using(async ({ controller, bad }) => {
        for (const header of bad) {
          for (let round = 0; round < 2; round += 1) {
            const error = await challengeOf(() =>
              controller.authorize(withAuthorization(header), [pull]),
            );
            expect(error.challenge.startsWith(`${abilities.scheme} `), header).toBe(true);
          }
        }
      }));

    if (abilities.partialGrants) {
      it('lets a request through that lacks only an optional access, and says so in the grant', () =>
        using(async ({ controller, good }) => {
          const { header } = await good([pull, push]);
          const grant = await controller.authorize(
            withAuthorization(header),
            [pull, push],
            [pullOther],
          );
          expect(grant.permits(pullOther)).toBe(false);
        }));
    }

    it('answers hostile headers with a challenge and nothing else', () =>
      using(async ({ controller, bad }) => {
        if (bad.length === 0) return;
        const text = fc.oneof(
          fc.string({ unit: 'binary', maxLength: 200 }),
          fc.string({ maxLength: 40 }).map((s) => Buffer.from(s).toString('base64')),
          fc.string({ maxLength: 40 }).map((s) => `a.${Buffer.from(s).toString('base64url')}.c`),
        );
        await fc.assert(
          fc.asyncProperty(fc.constantFrom('Basic ', 'Bearer ', ''), text, async (scheme, rest) => {
            const error = await refusalOf(() =>
              controller.authorize(withAuthorization(scheme + rest), [pull]),
            );
            expect(hasCode(error, 'UNAUTHORIZED')).toBe(true);
          }),
          { numRuns: 60 },
        );
      }));

    it('writes no secret into any log record of any level', () =>
      using(async ({ controller, good, bad, log, secrets }) => {
        const { header } = await good([pull]);
        await controller.authorize(withAuthorization(header), [pull]);
        for (const wrong of bad) {
          await refusalOf(() => controller.authorize(withAuthorization(wrong), [push, pullOther]));
        }
        if (abilities.partialGrants) {
          await refusalOf(() => controller.authorize(withAuthorization(header), [pullOther]));
        }
        await controller.reload?.();
        if (bad.length > 0) expect(log.records.length).toBeGreaterThan(0);
        const text = log.text();
        for (const secret of [...secrets, ...[header, ...bad].map(credentialOf)]) {
          if (secret.length >= 4) expect(text).not.toContain(secret);
        }
      }));
  });
}

/** The part of a header that must not be seen: all of it, or a token's signature. */
function credentialOf(header: string): string {
  return (
    header
      .replace(/^\w+ +/, '')
      .split('.')
      .at(-1) ?? ''
  );
}
