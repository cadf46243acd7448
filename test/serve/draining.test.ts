/** SIGTERM to the built server while clients are at work: what ends, what goes on, and the exit code. */

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ApiClient, digestOf } from '../support/api-client.ts';
import { readMessage } from '../support/http-call.ts';
import { RawConnection } from '../support/raw-connection.ts';
import { frontEnds, type RunningRegistry, startRegistry } from '../support/registry.ts';
import { storedUploadBytes } from '../support/stored-uploads.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';

// Each test starts servers and clients, which take their time on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

const half = randomBytes(3 * 1024 * 1024);
const whole = Buffer.concat([half, half]);

describe.each(frontEnds)('on SIGTERM the %s front end', (frontEnd) => {
  let folder: TempFolder;
  let root: string;
  const running: RunningRegistry[] = [];
  let count = 0;

  beforeAll(async () => {
    folder = await tempFolder();
  });
  afterEach(async () => {
    for (const registry of running.splice(0)) await registry.stop('SIGKILL');
  });
  afterAll(async () => folder.remove());

  async function start(draintimeout: string, keptRoot?: string): Promise<RunningRegistry> {
    count += 1;
    root = keptRoot ?? join(folder.path, `data-${count}`);
    const http = { draintimeout, debug: { addr: '127.0.0.1:0' } };
    const registry = await startRegistry({ frontEnd, root, config: { http } });
    running.push(registry);
    return registry;
  }

  /** A PATCH whose first half is stored and whose second half has not been sent. */
  async function halfAnUpload(
    registry: RunningRegistry,
  ): Promise<{ upload: ClientRequest; location: string }> {
    const api = new ApiClient(registry.port);
    const location = await api.startUpload('team/app');
    api.close();
    const { pathname, search } = new URL(location);
    const upload = request({
      ...{ host: '127.0.0.1', port: registry.port, method: 'PATCH', path: pathname + search },
      headers: { 'content-length': whole.length },
    });
    upload.write(half);
    await vi.waitFor(async () => expect(await storedUploadBytes(root)).toBeGreaterThan(0), {
      timeout: 10_000,
    });
    return { upload, location };
  }

  function healthOf(registry: RunningRegistry): Promise<Response> {
    const [, address] = /debug server listening ([0-9.:]+)/.exec(registry.log()) ?? [];
    return fetch(`http://${address}/debug/health`);
  }

  it('takes no new connections, reports draining, finishes the upload and exits with 0', async () => {
    const registry = await start('60s');
    expect((await healthOf(registry)).status).toBe(200);
    const kept = await RawConnection.open(registry.port);
    kept.send('GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n');
    await kept.until(/\r\n\r\n\{\}/);
    const { upload } = await halfAnUpload(registry);
    const stopped = registry.stop();
    await vi.waitFor(async () => {
      const health = await healthOf(registry);
      expect([health.status, await health.json()]).toEqual([
        503,
        { draining: 'the server is shutting down' },
      ]);
    });
    await vi.waitFor(() => expect(RawConnection.open(registry.port)).rejects.toThrow());

    // One that was open before is served once more, or closed: a balancer's request must not meet a 503.
    kept.text = '';
    kept.send('GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await kept.closed()).toMatch(
      frontEnd === 'uws' ? /^HTTP\/1\.1 200 [\s\S]*connection: close/i : /^$/,
    );

    const answered = once(upload, 'response');
    upload.end(half);
    const [message] = (await answered) as [IncomingMessage];
    await readMessage(message);
    expect(message.statusCode).toBe(202);
    expect(await stopped).toBe(0);
  });

  it.each(['300ms', '0s'])(
    'cuts what runs beyond a draintimeout of %s, exits with 1, and the upload goes on after the next start',
    async (draintimeout) => {
      const registry = await start(draintimeout);
      const { upload, location } = await halfAnUpload(registry);
      const cut = once(upload, 'error');
      expect(await registry.stop()).toBe(1);
      await cut;
      expect(registry.log()).toContain('running requests were cut');

      const next = await start('1s', root);
      const api = new ApiClient(next.port);
      const status = await api.get(location);
      expect(status.status).toBe(204);
      const end = Number(/^0-(\d+)$/.exec(String(status.headers['range']))?.[1]);
      expect(end).toBeGreaterThan(0);
      const rest = whole.subarray(end + 1);
      const patched = await api.patch(String(status.headers.location), rest);
      expect(patched.status).toBe(202);
      const done = await api.finishUpload(String(patched.headers.location), digestOf(whole));
      expect(done.status).toBe(201);
      api.close();
    },
  );

  it('does not wait for idle connections', async () => {
    const registry = await start('10m');
    const idle = await RawConnection.open(registry.port);
    idle.send('GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n');
    await idle.until(/\r\n\r\n\{\}/);
    const silent = await RawConnection.open(registry.port);
    expect(await registry.stop()).toBe(0);
    await Promise.all([idle.closed(), silent.closed()]);
  });

  it('exits at once with 1 on a second signal', async () => {
    const registry = await start('10m');
    const { upload } = await halfAnUpload(registry);
    const cut = once(upload, 'error');
    const stopped = registry.stop();
    await vi.waitFor(() => expect(registry.log()).toContain('stopping server gracefully'));
    process.kill(registry.pid, 'SIGTERM');
    expect(await stopped).toBe(1);
    await cut;
  });
});
