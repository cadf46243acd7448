import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { idle } from '../../../bench/profiles/k-idle.ts';
import { quickScale } from '../../../bench/profiles/scale.ts';

it('opens the connections that wait outside of the run, which does nothing but what it counts', async () => {
  const server = createServer((_, response) => {
    asked += 1;
    response.end();
  });
  let asked = 0;
  let connected = 0;
  server.on('connection', (socket) => {
    connected += 1;
    socket.once('close', () => {
      connected -= 1;
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connectedTo = (wanted: number) => expect.poll(() => connected).toBe(wanted);
  try {
    const { port } = server.address() as AddressInfo;
    const scale = { ...quickScale, idleConnections: 20 };
    const target = { port, pid: process.pid, scale, rateClient: 'lean' } as const;
    const [only] = await idle.open(target);
    await connectedTo(0);
    for (let turn = 0; turn < 2; turn += 1) {
      await only?.prepare?.();
      expect(connected).toBe(20);
      const before = asked;
      const measured = await only?.run(0.1);
      expect(measured?.count).toBe(asked - before);
      expect(measured?.notes).toMatchObject({ 'connections kept': 20 });
      expect(measured?.notes?.['KiB a waiting connection'] ?? 1).toBeGreaterThan(0);
      only?.end?.();
      await connectedTo(0);
    }
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
