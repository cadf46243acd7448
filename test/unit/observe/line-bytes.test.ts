import { describe, expect, it } from 'vitest';
import { createLineBytes } from '../../../src/observe/log-thread/line-bytes.ts';
import { Dice } from '../../support/pushing-writer.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

describe('createLineBytes', () => {
  it('gives the joined pieces, whatever stays and whatever grows, shrinks or leaves ASCII', () => {
    const toBytes = createLineBytes();
    const dice = new Dice(3);
    const pool = [
      '',
      'a',
      'b',
      'ab',
      'é',
      '✓',
      '\ud800',
      'long '.repeat(300),
      'longer '.repeat(900),
    ];
    const pieces = ['time', '', '', '', '\n'];
    for (let line = 0; line < 5000; line += 1) {
      // Mostly one piece changes, as in real lines.
      pieces[1 + dice.roll(3)] = dice.pick(pool) ?? '';
      expect(text(toBytes(pieces))).toBe(Buffer.from(pieces.join('')).toString('utf8'));
    }
  });

  it('encodes a piece again only when it or the length of one before it changed', () => {
    const toBytes = createLineBytes();
    const line = toBytes(['a', 'b', 'c\n']);
    line.set(Buffer.from('X'), 0);
    line.set(Buffer.from('Z'), 2);
    expect(text(toBytes(['a', 'B', 'c\n']))).toBe('XBZ\n');
    expect(text(toBytes(['a', 'bb', 'c\n']))).toBe('Xbbc\n');
  });
});
