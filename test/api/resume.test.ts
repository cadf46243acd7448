/**
 * An upload goes on wherever its storage is seen: on another instance, after a restart or a kill, on Distribution, and
 * back again. Where a state of the digest was saved, nothing is read a second time: tests damage the stored bytes in
 * between, which whoever reads them again would notice.
 */

import { open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiClient, digestOf, locationOf, withQuery } from '../support/api-client.ts';
import { noise } from '../support/bytes.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { RawConnection } from '../support/raw-connection.ts';
import { type RunningRegistry, startRegistry } from '../support/registry.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';
import { describeWith } from '../support/tools.ts';

const name = 'team/app';
/** Neither a multiple of the hash's block nor small enough to stay on the main thread. */
const chunkBytes = 300_007;
const largeBytes = 4 * 1024 * 1024 + 7;

let folder: TempFolder;
let root: string;
let one: RunningRegistry;
let other: RunningRegistry;
let api: { one: ApiClient; other: ApiClient };
let seed = 0;
let content: Buffer;

beforeAll(async () => {
  folder = await tempFolder();
  root = join(folder.path, 'data');
  one = await startRegistry({ root, frontEnd: 'uws' });
  other = await startRegistry({ root, frontEnd: 'node' });
  api = { one: new ApiClient(one.port), other: new ApiClient(other.port) };
});
afterAll(async () => {
  api.one.close();
  api.other.close();
  await one.stop();
  await other.stop();
  await folder.remove();
});
beforeEach(() => {
  seed += 1;
  content = noise(4 * chunkBytes, seed);
});

const chunk = (n: number): Buffer => content.subarray(n * chunkBytes, (n + 1) * chunkBytes);
const pathOf = (location: string): string => location.replace(/^http:\/\/[^/]+/, '');
const idOf = (location: string): string => /uploads\/([^?]+)/.exec(location)?.[1] ?? '';
const sessionFolder = (location: string): string =>
  join(root, 'docker/registry/v2/repositories', name, '_uploads', idOf(location));

/** Sends chunk `n` with its range; gives the Location to go on with. */
async function sendChunk(client: ApiClient, location: string, n: number): Promise<string> {
  const start = n * chunkBytes;
  const reply = await client.patch(pathOf(location), chunk(n), {
    'content-range': `${start}-${start + chunkBytes - 1}`,
    'content-type': 'application/octet-stream',
  });
  expect(reply.status).toBe(202);
  expect(reply.headers.range).toBe(`0-${start + chunkBytes - 1}`);
  return locationOf(reply);
}

/** Chunk `n` of so many bytes that none has its state saved with it. */
async function sendLarge(client: ApiClient, location: string, n: number): Promise<string> {
  const start = n * largeBytes;
  const end = start + largeBytes;
  const reply = await client.patch(pathOf(location), content.subarray(start, end), {
    'content-range': `${start}-${end - 1}`,
    'content-type': 'application/octet-stream',
  });
  expect(reply.status).toBe(202);
  return locationOf(reply);
}

async function finish(client: ApiClient, location: string): Promise<void> {
  const reply = await client.finishUpload(pathOf(location), digestOf(content));
  expect(reply.text).toBe('');
  expect(reply.status).toBe(201);
}

async function expectServed(client: ApiClient): Promise<void> {
  const reply = await client.get(`/v2/${name}/blobs/${digestOf(content)}`);
  expect(reply.body.equals(content)).toBe(true);
}

/** Flips the first stored byte. */
async function damage(location: string): Promise<void> {
  const file = await open(join(sessionFolder(location), 'data'), 'r+');
  try {
    await file.write(Buffer.from([(content[0] ?? 0) ^ 0xff]), 0, 1, 0);
  } finally {
    await file.close();
  }
}

async function hashStates(location: string): Promise<string[]> {
  const states = join(sessionFolder(location), 'hashstates/sha256');
  return (await readdir(states).catch(() => [])).sort();
}

describe('an upload in small chunks, which an instance keeps open', () => {
  const smallBytes = 20_001;
  /** Fresh bytes each time: of a known blob the session's own are left for a moment after it ended. */
  let content: Buffer;
  beforeEach(() => {
    content = noise(12 * smallBytes, 1000 + seed);
  });

  async function send(
    client: ApiClient,
    location: string,
    n: number,
  ): ReturnType<ApiClient['patch']> {
    const start = n * smallBytes;
    const end = start + smallBytes;
    return client.patch(pathOf(location), content.subarray(start, end), {
      'content-range': `${start}-${end - 1}`,
      'content-type': 'application/octet-stream',
    });
  }

  async function sendUpTo(client: ApiClient, begun: string, from: number, to: number) {
    let location = begun;
    for (let n = from; n < to; n += 1) {
      const reply = await send(client, location, n);
      expect(reply.status).toBe(202);
      location = locationOf(reply);
    }
    return location;
  }

  it.each(['one', 'other'] as const)('goes elsewhere and comes back to %s', async (by) => {
    const elsewhere = by === 'one' ? 'other' : 'one';
    let location = await sendUpTo(api[by], await api[by].startUpload(name), 0, 7);
    location = await sendUpTo(api[elsewhere], location, 7, 9);
    location = await sendUpTo(api[by], location, 9, 12);
    const done = await api[by].finishUpload(pathOf(location), digestOf(content));
    expect(done.status).toBe(201);
    const got = await api[elsewhere].get(`/v2/${name}/blobs/${digestOf(content)}`);
    expect(got.body.equals(content)).toBe(true);
  });

  it.each(['one', 'other'] as const)(
    'takes not a byte more at %s once it was ended elsewhere',
    async (by) => {
      const elsewhere = by === 'one' ? 'other' : 'one';
      const repository = `${name}/${by}`;
      const begun = content.subarray(0, 8 * smallBytes);
      const location = await sendUpTo(api[by], await api[by].startUpload(repository), 0, 8);
      const done = await api[elsewhere].finishUpload(pathOf(location), digestOf(begun));
      expect(done.status).toBe(201);
      // At once, though what is left of it is tidied away in the background.
      const replies = await Promise.all([
        send(api[by], location, 8),
        api[by].get(pathOf(location)),
        api[by].finishUpload(pathOf(location), digestOf(begun)),
        send(api[by], location, 0),
        api[elsewhere].get(pathOf(location)),
        api[by].send('DELETE', pathOf(location)),
      ]);
      expect(replies.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404, 404]);
      expect((await send(api[by], location, 0)).status).toBe(404);
      const got = await api[by].get(`/v2/${repository}/blobs/${digestOf(begun)}`);
      expect(got.body.equals(begun)).toBe(true);
    },
  );
});

describe('a chunked upload', () => {
  it('goes on by turns on two instances', async () => {
    let location = await api.one.startUpload(name);
    for (let n = 0; n < 4; n += 1) {
      location = await sendChunk(n % 2 === 0 ? api.one : api.other, location, n);
    }
    await finish(api.other, location);
    await expectServed(api.one);
  });

  it('is not read again by the other instance', async () => {
    let location = await sendChunk(api.one, await api.one.startUpload(name), 0);
    await damage(location);
    for (let n = 1; n < 4; n += 1) {
      location = await sendChunk(api.other, location, n);
    }
    await finish(api.one, location);
  });

  it('keeps one saved state, however many chunks came', async () => {
    let location = await api.one.startUpload(name);
    for (let n = 0; n < 4; n += 1) {
      location = await sendChunk(api.one, location, n);
    }
    expect(await hashStates(location)).toEqual([String(4 * chunkBytes)]);
    const state = await readFile(
      join(sessionFolder(location), 'hashstates/sha256', String(4 * chunkBytes)),
    );
    expect(state).toHaveLength(108);
    await finish(api.one, location);
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)('goes on after %s and a new start', async (signal) => {
    const before = await startRegistry({ root });
    const first = new ApiClient(before.port);
    let location = await sendChunk(first, await first.startUpload(name), 0);
    location = await sendChunk(first, location, 1);
    first.close();
    await before.stop(signal);
    const after = await startRegistry({ root });
    const second = new ApiClient(after.port);
    location = await sendChunk(second, location, 2);
    location = await sendChunk(second, location, 3);
    await finish(second, location);
    await expectServed(second);
    second.close();
    await after.stop();
  });

  it('is read once, and right, when its saved state is gone', async () => {
    let location = await sendChunk(api.one, await api.one.startUpload(name), 0);
    const states = join(sessionFolder(location), 'hashstates');
    await rm(states, { recursive: true });
    for (let n = 1; n < 4; n += 1) {
      location = await sendChunk(api.other, location, n);
    }
    await finish(api.other, location);
    await expectServed(api.one);
  });
});

describe('an upload in many small chunks', () => {
  const smallBytes = 64 * 1024;
  const count = Math.floor((4 * chunkBytes) / smallBytes);

  beforeEach(() => {
    content = content.subarray(0, count * smallBytes);
  });

  async function sendSmall(client: ApiClient, location: string, n: number): Promise<string> {
    const start = n * smallBytes;
    const reply = await client.patch(
      pathOf(location),
      content.subarray(start, start + smallBytes),
      {
        'content-range': `${start}-${start + smallBytes - 1}`,
        'content-type': 'application/octet-stream',
      },
    );
    expect(reply.status).toBe(202);
    return locationOf(reply);
  }

  it('moves between instances at any chunk', async () => {
    let location = await api.one.startUpload(name);
    for (let n = 0; n < count; n += 1) {
      location = await sendSmall([6, 7, 9].includes(n) ? api.other : api.one, location, n);
    }
    await finish(api.other, location);
    await expectServed(api.one);
  });

  it('has its state saved when it rests, so that the other instance need not read it', async () => {
    let location = await api.one.startUpload(name);
    for (let n = 0; n < count - 2; n += 1) {
      location = await sendSmall(api.one, location, n);
    }
    const wanted = [String((count - 2) * smallBytes)];
    await vi.waitUntil(async () => String(await hashStates(location)) === String(wanted), 20_000);
    await damage(location);
    location = await sendSmall(api.other, location, count - 2);
    location = await sendSmall(api.one, location, count - 1);
    await finish(api.one, location);
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)('goes on after %s and a new start', async (signal) => {
    const before = await startRegistry({ root });
    const first = new ApiClient(before.port);
    let location = await first.startUpload(name);
    for (let n = 0; n < count - 1; n += 1) {
      location = await sendSmall(first, location, n);
    }
    first.close();
    await before.stop(signal);
    if (signal === 'SIGTERM') {
      expect(await hashStates(location)).toEqual([String((count - 1) * smallBytes)]);
    }
    const after = await startRegistry({ root });
    const second = new ApiClient(after.port);
    location = await sendSmall(second, location, count - 1);
    await finish(second, location);
    await expectServed(second);
    second.close();
    await after.stop();
  });

  it('is told where it stands when the other instance wrote or ended it meanwhile', async () => {
    const begun = await sendSmall(api.one, await api.one.startUpload(name), 0);
    const next = await sendSmall(api.other, begun, 1);
    const start = smallBytes;
    const late = await api.one.patch(pathOf(begun), content.subarray(start, 2 * start), {
      'content-range': `${start}-${2 * start - 1}`,
      'content-type': 'application/octet-stream',
    });
    expect(late.status).toBe(416);
    expect(late.headers.range).toBe(`0-${2 * start - 1}`);
    const before = await sendSmall(api.one, next, 2);
    expect((await api.other.send('DELETE', pathOf(before))).status).toBe(204);
    const gone = await api.one.patch(pathOf(before), content.subarray(0, 10), {
      'content-type': 'application/octet-stream',
    });
    expect(gone.status).toBe(404);
  });
});

describe('an upload in large chunks', () => {
  beforeEach(() => {
    content = noise(3 * largeBytes, seed);
  });

  it('is hashed natively on its way, and its bytes are not read again', async () => {
    // Its own: one that has seen uploads come on from elsewhere saves states.
    const registry = await startRegistry({ root });
    const alone = new ApiClient(registry.port);
    let location = await sendLarge(alone, await alone.startUpload(name), 0);
    await damage(location);
    location = await sendLarge(alone, location, 1);
    location = await sendLarge(alone, location, 2);
    expect(await hashStates(location)).toEqual([]);
    await finish(alone, location);
    alone.close();
    await registry.stop();
  });

  it('is not read again either once uploads are seen to travel with each chunk', async () => {
    for (const isFirst of [true, false]) {
      let location = await sendLarge(api.one, await api.one.startUpload(name), 0);
      location = await sendLarge(api.other, location, 1);
      if (!isFirst) {
        expect(await hashStates(location)).toEqual([String(2 * largeBytes)]);
        await damage(location);
      }
      location = await sendLarge(api.one, location, 2);
      await finish(api.one, location);
    }
  });

  it('moves between instances at any chunk', async () => {
    for (const order of ['one other one', 'one other other', 'one one other']) {
      let location = await api.one.startUpload(name);
      for (const [n, which] of order.split(' ').entries()) {
        location = await sendLarge(which === 'one' ? api.one : api.other, location, n);
      }
      await finish(api.other, location);
      await expectServed(api.one);
    }
  });

  it('has its state saved when it rests, so that the other instance need not read it', async () => {
    let location = await sendLarge(api.one, await api.one.startUpload(name), 0);
    location = await sendLarge(api.one, location, 1);
    const wanted = [String(2 * largeBytes)];
    await vi.waitUntil(async () => String(await hashStates(location)) === String(wanted), 20_000);
    await damage(location);
    location = await sendLarge(api.other, location, 2);
    await finish(api.one, location);
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)('goes on after %s and a new start', async (signal) => {
    const before = await startRegistry({ root });
    const first = new ApiClient(before.port);
    let location = await sendLarge(first, await first.startUpload(name), 0);
    location = await sendLarge(first, location, 1);
    first.close();
    await before.stop(signal);
    expect(await hashStates(location)).toEqual(
      signal === 'SIGTERM' ? [String(2 * largeBytes)] : [],
    );
    const after = await startRegistry({ root });
    const second = new ApiClient(after.port);
    location = await sendLarge(second, location, 2);
    await finish(second, location);
    await expectServed(second);
    second.close();
    await after.stop();
  });
});

describe('a streamed upload', () => {
  it('is committed by another instance without reading it again', async () => {
    const sent = await api.one.send('PATCH', await api.one.startUpload(name), { body: [content] });
    await damage(locationOf(sent));
    await finish(api.other, locationOf(sent));
  });

  it('goes on after the client was cut off, from what the registry holds', async () => {
    const location = pathOf(await api.one.startUpload(name));
    const cable = await RawConnection.open(one.port);
    cable.send(
      `PATCH ${location} HTTP/1.1\r\nHost: x\r\nContent-Length: ${content.length}\r\n\r\n`,
    );
    cable.send(content.subarray(0, 500_000));
    let arrived = await api.other.get(location);
    while (arrived.headers.range === '0-0') {
      arrived = await api.other.get(location);
    }
    cable.end();
    // The registry may still be storing what arrived: until then it refuses a second writer.
    let status = await api.other.get(location);
    let rest = status;
    do {
      status = await api.other.get(location);
      const held = Number(String(status.headers.range).split('-')[1]) + 1;
      const offset = status.headers.range === '0-0' ? 0 : held;
      rest = await api.one.send('PATCH', locationOf(status), { body: [content.subarray(offset)] });
    } while (rest.status === 416);
    expect(rest.status).toBe(202);
    await finish(api.one, locationOf(rest));
    await expectServed(api.other);
  });
});

describeWith(['docker-registry'], 'beside docker-registry on the same data', () => {
  let theirs: Awaited<ReturnType<typeof startDockerRegistry>>;
  let their: ApiClient;

  beforeAll(async () => {
    theirs = await startDockerRegistry(root);
    their = new ApiClient(theirs.port);
  });
  afterAll(async () => {
    their?.close();
    await theirs?.stop();
  });

  it.each([1, 55, 63, 64, 65, 127, 100_000, chunkBytes])(
    'saves the same state as it does, after %i bytes',
    async (sizeBytes) => {
      const bytes = content.subarray(0, sizeBytes);
      const range = {
        'content-range': `0-${sizeBytes - 1}`,
        'content-type': 'application/octet-stream',
      };
      const states: Buffer[] = [];
      for (const client of [api.one, their]) {
        const sent = await client.patch(pathOf(await client.startUpload(name)), bytes, range);
        expect(sent.status).toBe(202);
        states.push(
          await readFile(
            join(sessionFolder(locationOf(sent)), 'hashstates/sha256', String(sizeBytes)),
          ),
        );
      }
      expect(states[0]).toHaveLength(108);
      expect(states[0]?.equals(states[1] ?? Buffer.alloc(0))).toBe(true);
    },
  );

  it('is begun here and goes on there, without being read again', async () => {
    let location = await sendChunk(api.one, await api.one.startUpload(name), 0);
    await damage(location);
    for (let n = 1; n < 4; n += 1) {
      location = await sendChunk(their, location, n);
    }
    await finish(their, location);
  });

  it('is begun there and goes on here, without being read again', async () => {
    let location = await sendChunk(their, await their.startUpload(name), 0);
    await damage(location);
    for (let n = 1; n < 4; n += 1) {
      location = await sendChunk(api.one, location, n);
    }
    await finish(api.one, location);
  });

  it('goes to and fro in large chunks', async () => {
    content = noise(3 * largeBytes, seed);
    for (const order of [
      [api.one, their, api.one],
      [api.one, api.one, their],
      [their, api.one, api.one],
    ]) {
      let location = await api.one.startUpload(name);
      for (const [n, client] of order.entries()) {
        location = await sendLarge(client, location, n);
      }
      await finish(order[2] ?? their, location);
      await expectServed(api.one);
    }
  });

  it('goes to and fro', async () => {
    let location = await their.startUpload(name);
    for (let n = 0; n < 4; n += 1) {
      location = await sendChunk(n % 2 === 0 ? their : api.other, location, n);
    }
    await finish(their, location);
    await expectServed(api.one);
    await expectServed(their);
  });

  it('streamed here, is committed there', async () => {
    const sent = await api.one.send('PATCH', await api.one.startUpload(name), { body: [content] });
    await finish(their, locationOf(sent));
    await expectServed(api.one);
  });

  it('streamed there, is committed here', async () => {
    const sent = await their.send('PATCH', pathOf(await their.startUpload(name)), {
      body: [content],
      headers: { 'content-type': 'application/octet-stream' },
    });
    const reply = await api.one.send(
      'PUT',
      withQuery(pathOf(locationOf(sent)), `digest=${digestOf(content)}`),
      { body: '' },
    );
    expect(reply.status).toBe(201);
    await expectServed(their);
  });
});
