import { expect, it } from 'vitest';
import { createBufferPool } from '../../../../src/http/buffer-pool.ts';
import { createUwsFrontEnd } from '../../../../src/http/uws/front-end.ts';
import { silentLogger } from '../../../../src/observe/logger.ts';
import { RawConnection } from '../../../support/raw-connection.ts';
import { ScriptedHandler } from '../../../support/scripted-handler.ts';
import { loadUwsForTests } from '../../../support/uws.ts';

it('sends no line break out of a header value, and tells how long the connection lives', async () => {
  const handler = new ScriptedHandler();
  handler.on('/split', () => ({
    status: 200,
    headers: [['Location', '/a\r\nX-Injected: 1\n\nGET']],
  }));
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
  const connection = await RawConnection.open(port);
  connection.send('GET /split HTTP/1.1\r\nHost: x\r\n\r\n');
  const said = await connection.until(/\r\n\r\n/);
  await frontEnd.close(0);
  expect(said).toContain('Location: /a X-Injected: 1 GET\r\n');
  expect(said).toContain('Keep-Alive: timeout=8\r\n');
});
