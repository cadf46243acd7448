import { expect, it } from 'vitest';
import { peerAddress } from '../../../../src/http/uws/peer-address.ts';

it.each([
  ['', ''],
  ['127.0.0.1', '127.0.0.1'],
  ['0000:0000:0000:0000:0000:ffff:7f00:0001', '127.0.0.1'],
  ['0000:0000:0000:0000:0000:ffff:c0a8:0a64', '192.168.10.100'],
  ['0000:0000:0000:0000:0000:0000:0000:0001', '::1'],
  ['2001:0db8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1'],
  ['fe80:0000:0000:0000:0000:0000:0000:0000', 'fe80::'],
  ['2001:0db8:0001:0000:0001:0001:0001:0001', '2001:db8:1:0:1:1:1:1'],
])('prints %j as %j', (text, expected) => {
  const bytes = new TextEncoder().encode(text);
  expect(peerAddress(bytes.buffer)).toBe(expected);
});
