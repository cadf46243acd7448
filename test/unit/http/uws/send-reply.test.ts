import { expect, it, vi } from 'vitest';
import type { ByteSource } from '../../../../src/bytes.ts';
import { createBufferPool } from '../../../../src/http/buffer-pool.ts';
import type { FrontEnd } from '../../../../src/http/exchange.ts';
import { createUwsFrontEnd } from '../../../../src/http/uws/front-end.ts';
import { silentLogger } from '../../../../src/observe/logger.ts';
import { RawConnection } from '../../../support/raw-connection.ts';
import { ScriptedHandler } from '../../../support/scripted-handler.ts';
import { loadUwsForTests } from '../../../support/uws.ts';

async function listening(handler: ScriptedHandler): Promise<{ frontEnd: FrontEnd; port: number }> {
  const frontEnd = createUwsFrontEnd({
    uws: loadUwsForTests(),
    handler,
    logger: silentLogger,
    pool: createBufferPool({ maxBuffers: 1 }),
    limits: {
      maxHeaderBytes: 32_768,
      headerTimeoutMs: 10_000,
      idleTimeoutMs: 10_000,
      noProgressTimeoutMs: 10_000,
      maxConnections: 10,
    },
  });
  const { port } = await frontEnd.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  return { frontEnd, port };
}

it('sends no line break out of a header value, and tells how long the connection lives', async () => {
  const handler = new ScriptedHandler();
  handler.on('/split', () => ({
    status: 200,
    headers: [['Location', '/a\r\nX-Injected: 1\n\nGET']],
  }));
  const { frontEnd, port } = await listening(handler);
  const connection = await RawConnection.open(port);
  connection.send('GET /split HTTP/1.1\r\nHost: x\r\n\r\n');
  const said = await connection.until(/\r\n\r\n/);
  await frontEnd.close(0);
  expect(said).toContain('Location: /a X-Injected: 1 GET\r\n');
  expect(said).toContain('Keep-Alive: timeout=8\r\n');
});

it('releases a body once all of it is sent, and not when the client went away', async () => {
  const sizeBytes = 40 * 1024 * 1024;
  let released: string[] = [];
  const handler = new ScriptedHandler();
  for (const name of ['whole', 'cut']) {
    handler.on(`/${name}`, () => {
      const piece = Buffer.alloc(256 * 1024, 1);
      let leftBytes = sizeBytes;
      const body: ByteSource = {
        read(): Promise<Uint8Array | undefined> {
          leftBytes -= piece.length;
          return Promise.resolve(leftBytes < 0 ? undefined : piece);
        },
        cancel: () => released.push(`${name} cancelled`),
        release: () => released.push(`${name} released`),
      };
      return { status: 200, headers: [], body, sizeBytes };
    });
  }
  const { frontEnd, port } = await listening(handler);
  const whole = await fetch(`http://127.0.0.1:${port}/whole`);
  expect((await whole.arrayBuffer()).byteLength).toBe(sizeBytes);
  await vi.waitUntil(() => released.includes('whole cancelled'));
  expect(released).toEqual(['whole released', 'whole cancelled']);
  released = [];
  const cut = await RawConnection.open(port);
  cut.send('GET /cut HTTP/1.1\r\nHost: x\r\n\r\n');
  await cut.until(/\r\n\r\n/);
  cut.socket.destroy();
  await vi.waitUntil(() => released.includes('cut cancelled'));
  await frontEnd.close(0);
  expect(released).not.toContain('cut released');
});
