/** Host names in `http.tls.letsencrypt.hosts`. Pure. */

import { domainToASCII } from 'node:url';

/** A host name as certificates hold it: ASCII, lower case. `undefined` for what no certificate can be ordered for. */
export function tryHostName(written: string): string | undefined {
  const name = domainToASCII(written.trim().replace(/\.$/, '')).toLowerCase();
  // The name is a file's name in the cache too.
  return /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name) && !/^[\d.]+$/.test(name) ? name : undefined;
}
