/**
 * The text of a peer's address. uWS prints IPv6 in full, and IPv4 as a mapped IPv6 address on a dual-stack listener.
 */

const mappedPrefix = '0000:0000:0000:0000:0000:ffff:';

/** @param bytes  As `getRemoteAddressAsText` gives them; empty for unix sockets. */
export function peerAddress(bytes: ArrayBuffer): string {
  const text = Buffer.from(bytes).toString('latin1');
  if (text.length <= 15) {
    return text;
  }
  if (text.startsWith(mappedPrefix)) {
    const digits = text.slice(mappedPrefix.length).replace(':', '');
    return [0, 2, 4, 6].map((at) => Number.parseInt(digits.slice(at, at + 2), 16)).join('.');
  }
  return shortenIpv6(text);
}

/** RFC 5952: no leading zeros, the first longest run of two or more zero groups as `::`. */
function shortenIpv6(text: string): string {
  const short = text
    .split(':')
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':');
  let longest = '';
  for (const [run] of short.matchAll(/(?:^|:)0(?::0)+(?::|$)/g)) {
    if (run.length > longest.length) {
      longest = run;
    }
  }
  return longest === '' ? short : short.replace(longest, '::');
}
