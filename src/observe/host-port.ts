/** Addresses as Go's net package writes them. Pure. */

/** `host:port`, `[v6]:port` or `:port`, whose host is empty; `undefined` for anything else. */
export function tryParseHostPort(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  return match === null || port > 65_535 ? undefined : { host: match[1] ?? match[2] ?? '', port };
}
