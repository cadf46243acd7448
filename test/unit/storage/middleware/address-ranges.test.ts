import { expect, it } from 'vitest';
import { AddressRanges } from '../../../../src/storage/middleware/address-ranges.ts';

const ranges = new AddressRanges([
  '192.0.2.0/24',
  '192.0.2.128/25',
  '198.51.100.7/32',
  '10.0.0.0/8',
  '2001:db8::/32',
  '2001:db8:1::/48',
  'nonsense',
  '203.0.113.0/33',
  '203.0.113.0/',
]);

it.each([
  ['192.0.2.0', true],
  ['192.0.2.255', true],
  ['192.0.1.255', false],
  ['192.0.3.0', false],
  ['198.51.100.7', true],
  ['198.51.100.8', false],
  ['10.255.255.255', true],
  ['11.0.0.0', false],
  ['203.0.113.1', false],
  ['::ffff:192.0.2.9', true],
  ['2001:db8::1', true],
  ['2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', true],
  ['2001:db9::', false],
  ['::1', false],
  ['192.0.2.9:4711', true],
  ['[2001:db8::1]:4711', true],
  ['', false],
  ['example.org', false],
])('%s is inside: %s', (address, isInside) => {
  expect(ranges.has(address)).toBe(isInside);
});

it('0.0.0.0/0 holds every IPv4 address and no IPv6 one', () => {
  const all = new AddressRanges(['0.0.0.0/0']);
  expect([all.has('255.255.255.255'), all.has('0.0.0.0'), all.has('::')]).toEqual([
    true,
    true,
    false,
  ]);
});
