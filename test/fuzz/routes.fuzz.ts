/**
 * Fuzzes every route for FUZZ_SECONDS on each front end. Nothing may yield a 5xx, a hang, a cut reply, or anything but
 * one document. Prints what it found; each finding becomes a test beside its kin in test/api.
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { emptyConfig } from '../support/api-client.ts';
import { onBothFrontEnds } from '../support/api-suite.ts';
import { tryRequest } from './exchange.ts';
import { held, type RawRequest, rawRequest } from './requests.ts';

const seconds = Number(process.env['FUZZ_SECONDS'] ?? 60);
const firstSeed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000);
const batchSize = 256;
const atOnce = 16;

onBothFrontEnds('fuzz', {}, (on) => {
  test('no request yields a 5xx, a hang or a torn reply', async () => {
    await on.api.pushBlob(held.name, emptyConfig);
    await on.api.pushBlob(held.name, held.blob);
    await on.api.putManifest(held.name, 'v1', held.manifest);
    const statuses = new Map<string, number>();
    const findings = new Map<string, RawRequest>();
    const endsAt = Date.now() + seconds * 1000;
    let count = 0;
    for (let seed = firstSeed; Date.now() < endsAt; seed++) {
      const requests = fc.sample(rawRequest, { numRuns: batchSize, seed });
      const run = async (): Promise<void> => {
        for (let request = requests.pop(); request !== undefined; request = requests.pop()) {
          const upload = request.target.includes('@UPLOAD@')
            ? await on.api.startUpload(held.name)
            : '';
          const target = request.target.replace(
            '@UPLOAD@',
            new URL(upload || 'http://x/').href.replace(/^http:\/\/[^/]+/, ''),
          );
          const { status, fault } = await tryRequest(on.api.port, request, target);
          if (fault !== undefined) {
            findings.set(`${request.method} ${fault}`, request);
          }
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          count += 1;
        }
      };
      await Promise.all(Array.from({ length: atOnce }, run));
    }
    process.stdout.write(
      `${on.frontEnd}: ${count} requests from seed ${firstSeed}: ${JSON.stringify(Object.fromEntries(statuses))}\n`,
    );
    for (const [fault, request] of findings) {
      process.stdout.write(
        `${fault}\n  ${JSON.stringify({ ...request, body: request.body.toString('latin1') })}\n`,
      );
    }
    expect((await on.api.get('/v2/')).status).toBe(200);
    expect(
      on.registry.log().match(/"level":"(error|panic|fatal)"|level=(error|panic|fatal)/g),
    ).toBeNull();
    expect([...findings.keys()]).toEqual([]);
  });
});
