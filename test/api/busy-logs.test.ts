/** Under load a thread of its own writes the logs: each request still has its line in both, to the end of the process. */

import autocannon from 'autocannon';
import { describe, expect, it } from 'vitest';
import { frontEnds, startRegistry } from '../support/registry.ts';

const amount = 20_000;

describe.each(frontEnds)('logs of a busy registry on %s', (frontEnd) => {
  it('have a line for each request', async () => {
    const registry = await startRegistry({
      frontEnd,
      config: { log: { level: 'info', accesslog: { disabled: false } } },
    });
    const result = await autocannon({ url: `${registry.url}/v2/`, amount, connections: 16 });
    expect(result['2xx']).toBe(amount);
    expect(await registry.stop()).toBe(0);
    const lines = registry.log().match(/^.*msg="response completed".*$/gm) ?? [];
    expect(lines).toHaveLength(amount);
    const whole =
      /^time="[^"]+" level=info msg="response completed" .*http\.request\.id=([0-9a-f-]{36}) .*http\.request\.uri=\/v2\/ .*http\.response\.status=200 .*version=\S+$/;
    expect(new Set(lines.map((line) => whole.exec(line)?.[1] ?? line)).size).toBe(amount);
    expect(lines.filter((line) => !whole.test(line))).toEqual([]);
    const access = registry.accessLog().trimEnd().split('\n');
    expect(access).toHaveLength(amount);
    const accessLine = /^127\.0\.0\.1 - - \[[^\]]+\] "GET \/v2\/ HTTP\/1\.1" 200 2 "" ""$/;
    expect(access.filter((line) => !accessLine.test(line))).toEqual([]);
  });
});
