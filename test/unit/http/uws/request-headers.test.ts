import { describe, expect, it } from 'vitest';
import { findHeader, readRequestHead } from '../../../../src/http/uws/request-headers.ts';
import type { UwsRequest } from '../../../../src/http/uws/types.ts';

/** In memory, since uWS itself turns some of these away before we see them; other builds of it may not. */
function requestWith(...pairs: [string, string][]): UwsRequest {
  return {
    getCaseSensitiveMethod: () => 'PUT',
    getUrl: () => '/',
    getQuery: () => '',
    forEach(callback): void {
      for (const [name, value] of pairs) {
        callback(name, value);
      }
    },
  };
}

describe('readRequestHead', () => {
  it.each<[[string, string][], number | undefined]>([
    [[], 0],
    [[['content-length', '0']], 0],
    [[['content-length', '123456789012']], 123_456_789_012],
    [[['transfer-encoding', 'chunked']], undefined],
    [[['transfer-encoding', 'Chunked']], undefined],
  ])('reads the body length of %j', (pairs, bodyBytes) => {
    expect(readRequestHead(requestWith(...pairs), 1000)).toMatchObject({
      bodyBytes,
      fault: undefined,
    });
  });

  it.each<[[string, string][], number]>([
    [[['content-length', '']], 400],
    [[['content-length', '5,5']], 400],
    [[['content-length', '-5']], 400],
    [[['content-length', '0x5']], 400],
    [[['content-length', '5 ']], 400],
    [[['content-length', '1e3']], 400],
    [[['content-length', '9'.repeat(16)]], 400],
    [
      [
        ['content-length', '5'],
        ['content-length', '5'],
      ],
      400,
    ],
    [
      [
        ['content-length', '5'],
        ['transfer-encoding', 'chunked'],
      ],
      400,
    ],
    [
      [
        ['host', 'a'],
        ['host', 'b'],
      ],
      400,
    ],
    [[['transfer-encoding', '']], 501],
    [[['transfer-encoding', 'chunked, chunked']], 501],
    [
      [
        ['transfer-encoding', 'chunked'],
        ['transfer-encoding', 'gzip'],
      ],
      501,
    ],
    [[['x-large', 'a'.repeat(1000)]], 431],
  ])('refuses %j', (pairs, status) => {
    expect(readRequestHead(requestWith(...pairs), 1000).fault).toMatchObject({ status });
  });

  it('forgets the request before', () => {
    readRequestHead(requestWith(['content-length', '5'], ['x-a', '1']), 1000);
    const { lines, bodyBytes } = readRequestHead(requestWith(['x-b', '2']), 1000);
    expect(bodyBytes).toBe(0);
    expect(findHeader(lines, 'x-a')).toBeUndefined();
    expect(findHeader(lines, 'x-b')).toBe('2');
  });
});

it('findHeader does not take a value for a name', () => {
  expect(findHeader(['x-name', 'host', 'host', 'a'], 'host')).toBe('a');
});
