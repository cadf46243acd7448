/** Slow clients must not hold up fast ones: neither those that trickle, nor those that stop halfway. */

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { blobMaker, uploadBlob } from '../../bench/support/light-upload.ts';
import { ApiClient } from '../support/api-client.ts';
import { noise } from '../support/bytes.ts';
import { RawConnection } from '../support/raw-connection.ts';
import { frontEnds, type RunningRegistry, startRegistry } from '../support/registry.ts';

const slowUploads = 100;
const slow = noise(1024 * 1024, 7);
/** 8 KB/s. */
const trickleBytes = 1024;
const trickleEveryMs = 125;

describe.each(frontEnds)('slow uploads (%s)', (frontEnd) => {
  let registry: RunningRegistry;
  let api: ApiClient;

  beforeEach(async () => {
    // Few workers, as on a small machine: all that is there is soon taken.
    registry = await startRegistry({ frontEnd, config: { workers: { count: 2 } } });
    api = new ApiClient(registry.port);
  });
  afterEach(async () => {
    api.close();
    await registry.stop();
  });

  it(`${slowUploads} at 8 KB/s leave room for a fast one`, { timeout: 120_000 }, async () => {
    const clients = await Promise.all(
      Array.from({ length: slowUploads }, () => SlowClient.begin(registry.port, api)),
    );
    const trickling = setInterval(() => {
      for (const client of clients) {
        client.send(trickleBytes);
      }
    }, trickleEveryMs);
    try {
      await allReachDisk(registry.root, slowUploads);
      await uploadBlob(registry.port, 'team/fast', blobMaker(Buffer.alloc(1024 * 1024, 1), 8)(1));
      // It came first, although it began last.
      expect(clients.filter(({ hasAnswer }) => hasAnswer)).toEqual([]);
    } finally {
      clearInterval(trickling);
    }
    // They grow fast, all at once: nothing of them is lost, and the turns go round.
    for (const client of clients) {
      client.send(slow.length);
    }
    const statuses = await Promise.all(clients.map((client) => client.status()));
    expect(new Set(statuses)).toEqual(new Set([202]));
  });

  it(`${slowUploads} that have stopped leave room for a fast one`, {
    timeout: 120_000,
  }, async () => {
    const clients = await Promise.all(
      Array.from({ length: slowUploads }, () => SlowClient.begin(registry.port, api)),
    );
    for (const client of clients) {
      client.send(slow.length / 2);
    }
    await allReachDisk(registry.root, slowUploads);
    await uploadBlob(registry.port, 'team/fast', blobMaker(Buffer.alloc(1024 * 1024, 2), 8)(2));
    expect(clients.filter(({ hasAnswer }) => hasAnswer)).toEqual([]);
    for (const client of clients) {
      client.end();
    }
  });
});

/** One upload, begun by a PATCH that says how much will come and then sends as it is told. */
class SlowClient {
  readonly #connection: RawConnection;
  #sentBytes = 0;

  private constructor(connection: RawConnection) {
    this.#connection = connection;
  }

  static async begin(port: number, api: ApiClient): Promise<SlowClient> {
    const location = await api.startUpload('team/slow');
    const connection = await RawConnection.open(port);
    const path = location.replace(/^http:\/\/[^/]+/, '');
    connection.send(
      `PATCH ${path} HTTP/1.1\r\nHost: test\r\nContent-Length: ${slow.length}\r\nContent-Type: application/octet-stream\r\n\r\n`,
    );
    return new SlowClient(connection);
  }

  get hasAnswer(): boolean {
    return this.#connection.text !== '' || this.#connection.isClosed;
  }

  send(bytes: number): void {
    this.#connection.send(slow.subarray(this.#sentBytes, this.#sentBytes + bytes));
    this.#sentBytes = Math.min(slow.length, this.#sentBytes + bytes);
  }

  async status(): Promise<number> {
    const text = await this.#connection.until(/\r\n\r\n/);
    this.end();
    return Number(text.slice(9, 12));
  }

  end(): void {
    this.#connection.end();
  }
}

/** Waits until so many uploads have bytes in storage: all of them are being taken in, none waits for another's end. */
async function allReachDisk(root: string, count: number): Promise<void> {
  const folder = join(root, 'docker/registry/v2/repositories/team/slow/_uploads');
  for (;;) {
    const sessions = await readdir(folder).catch(() => []);
    const sizes = await Promise.all(
      sessions.map((id) =>
        stat(join(folder, id, 'data')).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
    );
    if (sizes.filter((size) => size > 0).length === count) {
      return;
    }
    await delay(50);
  }
}
