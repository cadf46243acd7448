import { expect, it } from 'vitest';
import type { BodySource } from '../../../src/storage/body-store.ts';
import { sizedBody } from '../../../src/storage/sized-body.ts';

const limitBytes = 10;

/** A body in these pieces; counts the buffers that are out. A piece that is an error ends it. */
function aBody(
  ...pieces: readonly (string | Error)[]
): BodySource & { out: number; isGone: boolean } {
  const left = [...pieces];
  const body = {
    sizeBytes: undefined,
    out: 0,
    isGone: false,
    pool: {
      give(): void {
        body.out -= 1;
      },
    },
    async read(): Promise<Uint8Array | undefined> {
      const piece = left[0] instanceof Error ? left[0] : left.shift();
      if (piece instanceof Error) throw piece;
      if (piece === undefined) return undefined;
      body.out += 1;
      return Buffer.from(piece);
    },
    cancel(): void {
      body.isGone = true;
    },
  };
  return body;
}

async function readAll(body: BodySource): Promise<string> {
  let text = '';
  for (let piece = await body.read(); piece !== undefined; piece = await body.read()) {
    text += Buffer.from(piece).toString();
    body.pool.give(piece);
  }
  return text;
}

it.each([[[]], [['0123456789']], [['01', '23456', '789']]])(
  'knows the length of %j once it has ended, and holds no buffer',
  async (pieces) => {
    const source = aBody(...pieces);
    const body = await sizedBody(source, limitBytes);
    expect(body.sizeBytes).toBe(pieces.join('').length);
    expect(source.out).toBe(0);
    expect(await readAll(body)).toBe(pieces.join(''));
    expect(source.out).toBe(0);
  },
);

it.each([[['0123456789a', 'bcd']], [['0123', '456789a', 'bcd']], [['0', '1', '2', '3', '4']]])(
  'passes %j on as it is, and every buffer back',
  async (pieces) => {
    const source = aBody(...pieces);
    const body = await sizedBody(source, limitBytes);
    expect(body.sizeBytes).toBeUndefined();
    expect(source.out).toBe(1);
    expect(await readAll(body)).toBe(pieces.join(''));
    expect(source.out).toBe(0);
  },
);

it('gives what came before a failure, and the failure', async () => {
  const source = aBody('0123', new Error('client went'));
  const body = await sizedBody(source, limitBytes);
  expect(Buffer.from((await body.read()) ?? '').toString()).toBe('0123');
  await expect(body.read()).rejects.toThrow('client went');
  await expect(body.read()).rejects.toThrow('client went');
  expect(source.out).toBe(0);
});

it('hands the buffer of a piece back that nobody read', async () => {
  const source = aBody('0123', '0123456789', 'rest');
  const body = await sizedBody(source, limitBytes);
  body.cancel();
  expect(source.out).toBe(0);
  expect(source.isGone).toBe(true);
});

it('does not touch a body whose length was announced', async () => {
  const source = { ...aBody('0123'), sizeBytes: 4 };
  expect(await sizedBody(source, limitBytes)).toBe(source);
});
