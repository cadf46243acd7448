/** Addresses as Go's net package writes them. Pure. */

import { isIPv6 } from 'node:net';

/** `host:port`, `[v6]:port` or `:port`, whose host is empty; `undefined` for anything else. */
export function tryParseHostPort(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  return match === null || port > 65_535 ? undefined : { host: match[1] ?? match[2] ?? '', port };
}

/** The same as the address of a server to connect to: its host is given, and its port is not 0. */
export function tryParseServer(text: string): { host: string; port: number } | undefined {
  const parsed = tryParseHostPort(text);
  if (parsed === undefined || parsed.port === 0 || !/^\S+$/.test(parsed.host)) {
    return undefined;
  }
  return text.startsWith('[') && !isIPv6(parsed.host) ? undefined : parsed;
}
