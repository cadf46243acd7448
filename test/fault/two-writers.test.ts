/**
 * One upload session at two instances at a time, as when a client gave up waiting and asks the other one, or means harm:
 * what was acknowledged stays as it was, and no digest stands for other bytes.
 */

import { afterEach, beforeEach, expect, it } from 'vitest';
import { ApiClient, type ApiReply, digestOf, locationOf } from '../support/api-client.ts';
import { noise } from '../support/bytes.ts';
import { RawConnection } from '../support/raw-connection.ts';
import { frontEnds, type RunningRegistry, startRegistry } from '../support/registry.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';

let folder: TempFolder;
let instances: RunningRegistry[];
let apis: ApiClient[];

beforeEach(async () => {
  folder = await tempFolder();
  instances = await Promise.all(
    frontEnds.map((frontEnd) => startRegistry({ frontEnd, root: folder.path })),
  );
  apis = instances.map(({ port }) => new ApiClient(port));
});
afterEach(async () => {
  for (const api of apis) {
    api.close();
  }
  await Promise.all(instances.map((instance) => instance.stop()));
  await folder.remove();
});

/** A PATCH whose body is still to come: the instance has looked at the session. */
async function beginPatch(
  instance: number,
  location: string,
  size: number,
): Promise<RawConnection> {
  const connection = await RawConnection.open(instances[instance]?.port ?? 0);
  const { pathname, search } = new URL(location, 'http://x');
  connection.send(
    `PATCH ${pathname}${search} HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n`,
  );
  await new Promise((resolve) => setTimeout(resolve, 200));
  return connection;
}

async function statusOf(connection: RawConnection): Promise<number> {
  const text = await connection.until(/\r\n\r\n/);
  connection.end();
  return Number(/^HTTP\/1.1 (\d+)/.exec(text)?.[1]);
}

async function expectStored(content: Buffer): Promise<void> {
  for (const api of apis) {
    const reply = await api.get(`/v2/one/blobs/${digestOf(content)}`);
    expect(reply.status).toBe(200);
    expect(reply.body.equals(content)).toBe(true);
  }
}

it.each([
  ['small', 50_000],
  ['large', 400_000],
])('a late PATCH leaves the blob alone that another instance made: %s', async (_, size) => {
  const [one, other] = apis as [ApiClient, ApiClient];
  const content = noise(300_000);
  const patched = await one.patch(await one.startUpload('one'), content);
  const location = locationOf(patched);
  const late = await beginPatch(0, location, size);
  const closed = await other.finishUpload(location, digestOf(content));
  expect(closed.status, closed.text).toBe(201);
  late.send(noise(size, 2));
  expect(await statusOf(late)).toBe(404);
  await expectStored(content);
});

it.each([
  ['small', 50_000],
  ['large', 1_000_000],
])('of two bodies for one place one is taken, and its digest counts: %s', async (_, size) => {
  const [one, other] = apis as [ApiClient, ApiClient];
  const contents = [noise(size, 1), noise(size, 2)] as const;
  const location = await one.startUpload('one');
  const patches = [await beginPatch(0, location, size), await beginPatch(1, location, size)];
  const statuses: number[] = [];
  for (const [index, patch] of patches.entries()) {
    patch.send(contents[index] ?? '');
    statuses.push(await statusOf(patch));
  }
  expect(statuses).toEqual([202, 416]);
  const at = locationOf(await one.get(location));
  const wrong = await other.finishUpload(at, digestOf(contents[1]));
  expect(wrong.status).toBe(400);
  const right = await other.finishUpload(at, digestOf(contents[0]));
  expect(right.status, right.text).toBe(201);
  await expectStored(contents[0]);
});

it('a chunk sent again to another instance is stored once', async () => {
  const [one, other] = apis as [ApiClient, ApiClient];
  const content = noise(500_000);
  let location = await one.startUpload('one');
  const send = async (api: ApiClient, n: number): Promise<ApiReply> => {
    const start = n * 100_000;
    return api.patch(location, content.subarray(start, start + 100_000), {
      'Content-Range': `${start}-${start + 99_999}`,
    });
  };
  for (let n = 0; n < 5; n += 1) {
    const replies = await Promise.all([send(one, n), send(other, n)]);
    const taken = replies.filter(({ status }) => status === 202);
    expect(replies.map(({ status }) => status).filter((each) => each !== 202)).toEqual(
      taken.length === 1 ? [416] : [],
    );
    expect(taken.length).toBe(1);
    location = locationOf(taken[0] as ApiReply);
  }
  const closed = await one.finishUpload(location, digestOf(content));
  expect(closed.status, closed.text).toBe(201);
  await expectStored(content);
});
