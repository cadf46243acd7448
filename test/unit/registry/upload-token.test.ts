/** Tokens that clients carry: as any instance with the secret reads them, and what is refused. */

import { createSecretKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { UploadTokens } from '../../../src/registry/upload-token.ts';

const key = (text: string): ReturnType<typeof createSecretKey> =>
  createSecretKey(Buffer.from(text));
const token = { name: 'team/app', id: 'a-b-c', offset: 70_000, startedAtMs: 1_700_000_000_120 };
const here = new UploadTokens(key('secret'));
const otherInstance = new UploadTokens(key('secret'));
const stranger = new UploadTokens(key('other'));

describe.each([
  ['the process that signed it', here],
  ['another one with the secret', otherInstance],
])('a token, read by %s', (_, reader) => {
  it('tells what was signed', () => {
    expect(reader.verify(here.sign(token), token)).toEqual(token);
  });

  it.each([
    ['repository', { name: 'team/other', id: token.id }],
    ['session', { name: token.name, id: 'x' }],
  ])('is refused for another %s', (__, expected) => {
    expect(() => reader.verify(here.sign(token), expected)).toThrow('blob upload invalid');
  });

  it('is refused when a letter of it was changed', () => {
    const text = here.sign(token);
    for (const at of [0, 20, 45, 80, text.length - 5]) {
      const changed = text[at] === 'A' ? 'B' : 'A';
      const forged = text.slice(0, at) + changed + text.slice(at + 1);
      expect(() => reader.verify(forged, token)).toThrow('blob upload invalid');
    }
  });

  it.each(['', 'A', 'A'.repeat(5000)])('is refused when it is none: %.10s', (text) => {
    expect(() => reader.verify(text, token)).toThrow('blob upload invalid');
  });
});

it('is refused with another secret', () => {
  expect(() => stranger.verify(here.sign(token), token)).toThrow('blob upload invalid');
});
