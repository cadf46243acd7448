import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createRawServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Connection, headerOf } from '../../../bench/load/connection.ts';
import { textBlob, uniqueBlob } from '../../../bench/load/content.ts';
import { repeatFor } from '../../../bench/load/measurement.ts';

const mib = 1024 ** 2;
const open: { close(): void }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) {
    each.close();
  }
});

async function listening(server: Server | ReturnType<typeof createRawServer>): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push(server);
  return (server.address() as AddressInfo).port;
}

function connection(port: number): Connection {
  const made = new Connection(port);
  open.push(made);
  return made;
}

/** Sends these pieces, each in a packet of its own, to whoever connects and asks. */
function answering(pieces: readonly string[]): Promise<number> {
  return listening(
    createRawServer((socket) => {
      socket.setNoDelay(true);
      socket.once('data', async () => {
        for (const piece of pieces) {
          await new Promise((sent) => socket.write(piece, sent));
        }
      });
    }),
  );
}

describe('content', () => {
  it('has the digest of its bytes, also beyond the filler', () => {
    for (const size of [32, 33, 64 * 1024, mib, mib + 32, 2 * mib + 7]) {
      const blob = uniqueBlob(size);
      const bytes = Buffer.concat([...blob.parts()]);
      expect(bytes.length).toBe(size);
      expect(blob.digest).toBe(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
    }
    expect(uniqueBlob(100).digest).not.toBe(uniqueBlob(100).digest);
  });

  it('is the same in slices', () => {
    for (const blob of [uniqueBlob(2 * mib + 100), textBlob('x'.repeat(5000))]) {
      const whole = Buffer.concat([...blob.parts()]);
      for (const step of [blob.sizeBytes - 10, Math.ceil(blob.sizeBytes / 3)]) {
        const pieces: Buffer[] = [];
        for (let start = 0; start < blob.sizeBytes; start += step) {
          const slice = blob.slice(start, Math.min(blob.sizeBytes, start + step));
          const bytes = Buffer.concat([...slice.parts()]);
          expect(bytes.length).toBe(slice.sizeBytes);
          pieces.push(bytes);
        }
        expect(Buffer.concat(pieces).equals(whole)).toBe(true);
      }
    }
  });
});

describe('connection', () => {
  it('sends a large body whole and reads a chunked reply, again and again', async () => {
    const server = createServer(async (request, response) => {
      const hash = createHash('sha256');
      for await (const piece of request) {
        hash.update(piece);
      }
      response.write('sha256:');
      response.end(hash.digest('hex'));
    });
    const client = connection(await listening(server));
    for (const size of [100, 3 * mib]) {
      const body = uniqueBlob(size);
      const reply = await client.request({ method: 'POST', path: '/', body, keepsBody: true });
      expect(reply.body.toString()).toBe(body.digest);
      expect(reply.bodyBytes).toBe(71);
    }
  });

  it('reads replies that arrive torn anywhere', async () => {
    const text =
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n';
    const client = connection(await answering([...text]));
    const reply = await client.request({ method: 'GET', path: '/', keepsBody: true });
    expect(reply.body.toString()).toBe('hello world');
  });

  it('waits for no body after HEAD, and passes over 1xx', async () => {
    const port = await answering([
      'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n',
    ]);
    const reply = await connection(port).request({ method: 'HEAD', path: '/' });
    expect(reply).toMatchObject({ status: 200, bodyBytes: 0 });
    expect(headerOf(reply.head, 'content-length')).toBe('9');
    expect(headerOf(reply.head, 'length')).toBeUndefined();
  });

  it('fails the request when the server goes', async () => {
    const port = await listening(
      createRawServer((socket) => socket.once('data', () => socket.destroy())),
    );
    const client = connection(port);
    await expect(client.request({ method: 'GET', path: '/' })).rejects.toThrow();
    expect(client.isOpen).toBe(false);
    await expect(client.request({ method: 'GET', path: '/' })).rejects.toThrow();
  });
});

describe('repeated job', () => {
  it('runs at least once on each connection, and adds up what all moved', async () => {
    const port = await listening(createRawServer());
    const lanes = new Set<number>();
    const measured = await repeatFor({ port, connections: 5, seconds: 0 }, async (_, __, lane) => {
      // Gives the other lanes their turn between reading the sum and adding to it.
      await new Promise(setImmediate);
      lanes.add(lane);
      return 10;
    });
    expect(measured).toMatchObject({ count: 5, bytes: 50 });
    expect(lanes.size).toBe(5);
  });

  it('passes on the failure of any of them', async () => {
    const port = await listening(createRawServer());
    const failing = repeatFor({ port, connections: 3, seconds: 0 }, async (_, turn) => {
      if (turn === 1) {
        throw new Error('refused');
      }
      return 0;
    });
    await expect(failing).rejects.toThrow('refused');
  });
});
