/** Sets of IP addresses given as CIDR ranges, for lookups per request: a binary search instead of a walk. Pure. */

import { isIP } from 'node:net';

interface Range {
  /** Both inclusive; hex digits of fixed width, so that they compare as text. */
  readonly first: string;
  last: string;
}

export class AddressRanges {
  readonly #byWidth = new Map<number, Range[]>();

  /** Ranges that cannot be read are left out. */
  constructor(cidrs: Iterable<string>) {
    for (const cidr of cidrs) {
      const range = tryParseCidr(cidr);
      if (range === undefined) continue;
      const width = range.first.length;
      const list = this.#byWidth.get(width) ?? [];
      list.push(range);
      this.#byWidth.set(width, list);
    }
    for (const [width, list] of this.#byWidth) {
      this.#byWidth.set(width, merged(list));
    }
  }

  /** Accepts IPv4, IPv6 and IPv4 in IPv6, each also with a port; anything else is in no range. */
  has(address: string): boolean {
    const digits = tryHexDigits(withoutPort(address));
    const ranges = this.#byWidth.get(digits?.length ?? 0);
    if (digits === undefined || ranges === undefined) return false;
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ranges[middle]?.last ?? '') < digits) low = middle + 1;
      else high = middle;
    }
    const found = ranges[low];
    return found !== undefined && found.first <= digits;
  }
}

/** Sorted by their ends, with those inside others dropped. */
function merged(ranges: Range[]): Range[] {
  ranges.sort((a, b) => (a.first < b.first ? -1 : 1));
  const kept: Range[] = [];
  for (const range of ranges) {
    const before = kept.at(-1);
    if (before === undefined || before.last < range.first) kept.push(range);
    else if (before.last < range.last) before.last = range.last;
  }
  return kept;
}

function tryParseCidr(cidr: string): Range | undefined {
  const [address = '', bitsText = ''] = cidr.split('/');
  const digits = tryHexDigits(address);
  const bits = Number(bitsText);
  if (digits === undefined || !/^\d{1,3}$/.test(bitsText) || bits > digits.length * 4) {
    return undefined;
  }
  const all = (1n << BigInt(digits.length * 4)) - 1n;
  const host = all >> BigInt(bits);
  const value = BigInt(`0x${digits}`);
  const text = (number: bigint): string => number.toString(16).padStart(digits.length, '0');
  return { first: text(value & ~host & all), last: text(value | host) };
}

function withoutPort(address: string): string {
  const [, bracketed, plain] = /^(?:\[([^\]]+)\]|([^:]+)):\d+$/.exec(address) ?? [];
  return bracketed ?? plain ?? address;
}

/** 8 digits for IPv4, 32 for IPv6. */
function tryHexDigits(address: string): string | undefined {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  const plain = mapped ?? address.replace(/%.*$/, '');
  switch (isIP(plain)) {
    case 4:
      return plain
        .split('.')
        .map((byte) => Number(byte).toString(16).padStart(2, '0'))
        .join('');
    case 6:
      return ipv6Digits(plain);
    default:
      return undefined;
  }
}

function ipv6Digits(address: string): string | undefined {
  // The URL parser brings every spelling, IPv4 tails too, into groups of hex digits.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const front = groups(head);
  const back = groups(tail ?? '');
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => '0');
  return [...front, ...zeros, ...back].map((group) => group.padStart(4, '0')).join('');
}
