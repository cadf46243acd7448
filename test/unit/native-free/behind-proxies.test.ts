import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createNodeFrontEnd } from '../../../native-free/front-end.ts';
import { createBufferPool } from '../../../src/http/buffer-pool.ts';
import type { FrontEnd } from '../../../src/http/exchange.ts';
import { silentLogger } from '../../../src/observe/logger.ts';
import { call, keepAliveAgent } from '../../support/http-call.ts';
import {
  proxiesMissing,
  type ReverseProxy,
  startHaproxy,
  startNginx,
} from '../../support/proxies.ts';
import {
  digestBody,
  PiecewiseSource,
  ScriptedHandler,
  sha256,
  text,
} from '../../support/scripted-handler.ts';

const sizeBytes = 24 * 1024 * 1024;

describe.skipIf(proxiesMissing !== undefined)('behind proxies', () => {
  let folder: string;
  const open: FrontEnd[] = [];
  const proxies: ReverseProxy[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-proxies-'));
  });
  afterEach(async () => {
    for (const proxy of proxies.splice(0)) await proxy.stop();
    for (const frontEnd of open.splice(0)) await frontEnd.close(0);
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  async function run(): Promise<{ port: number; handler: ScriptedHandler }> {
    const handler = new ScriptedHandler();
    handler.on('/digest', digestBody);
    handler.on('/version', ({ httpVersion }) => text(200, httpVersion));
    const frontEnd = createNodeFrontEnd({
      handler,
      pool: createBufferPool({ maxBuffers: 16 }),
      logger: silentLogger,
      limits: {
        maxHeaderBytes: 32_768,
        headerTimeoutMs: 20_000,
        idleTimeoutMs: 20_000,
        noProgressTimeoutMs: 20_000,
        maxConnections: 100,
      },
      http2: true,
      h2c: false,
    });
    const { port } = await frontEnd.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
    open.push(frontEnd);
    return { port, handler };
  }

  /** Pushes and pulls through the proxy, with and without a length. */
  async function carriesBodies(port: number, handlers: ScriptedHandler[]): Promise<void> {
    const bytes = randomBytes(sizeBytes);
    const expected = `${sizeBytes} ${sha256(bytes)}`;
    for (const handler of handlers) {
      handler.on('/blob', () => ({
        status: 200,
        headers: [],
        body: new PiecewiseSource(bytes, 300_000),
        sizeBytes,
      }));
    }
    const agent = keepAliveAgent();
    for (let round = 0; round < 3; round += 1) {
      const pushed = await call(port, { method: 'PUT', path: '/digest', body: bytes, agent });
      expect(pushed.body.toString()).toBe(expected);
      const chunked = await call(port, { method: 'PUT', path: '/digest', body: [bytes], agent });
      expect(chunked.body.toString()).toBe(expected);
      const pulled = await call(port, { path: '/blob', agent });
      expect(`${pulled.body.length} ${sha256(pulled.body)}`).toBe(expected);
    }
    agent.destroy();
  }

  it.each([
    ['as Debian ships it, which speaks HTTP/1.0', 'proxy_pass http://upstream;', '1.0'],
    [
      'with HTTP/1.1, kept connections and no buffering',
      'proxy_pass http://upstream; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_request_buffering off; proxy_buffering off;',
      '1.1',
    ],
  ])('serves nginx %s', async (_, location, version) => {
    const { port, handler } = await run();
    const proxy = await startNginx(join(folder, `nginx-${version}`), port, location);
    proxies.push(proxy);
    expect((await call(proxy.port, { path: '/version' })).body.toString()).toBe(version);
    await carriesBodies(proxy.port, [handler]);
  });

  it('serves haproxy, which turns between two of us', async () => {
    const [one, other] = [await run(), await run()];
    const proxy = await startHaproxy(join(folder, 'haproxy'), [one.port, other.port]);
    proxies.push(proxy);
    await carriesBodies(proxy.port, [one.handler, other.handler]);
    for (const { handler } of [one, other]) {
      expect(handler.handledPaths.length).toBeGreaterThanOrEqual(4);
    }
  });
});
