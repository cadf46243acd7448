/** Conditional requests against an entity tag that is the digest: RFC 9110 section 13. */

import type { Exchange } from './exchange.ts';

export type Condition = 'proceed' | 'not-modified' | 'failed';

/** If-Match, then If-None-Match. Dates are ignored: nothing here has one. */
export function evaluateConditions(exchange: Pick<Exchange, 'header'>, digest: string): Condition {
  const ifMatch = exchange.header('if-match');
  if (ifMatch !== undefined && !listed(ifMatch, digest, 'strong')) {
    return 'failed';
  }
  const ifNoneMatch = exchange.header('if-none-match');
  return ifNoneMatch !== undefined && listed(ifNoneMatch, digest, 'weak')
    ? 'not-modified'
    : 'proceed';
}

/** If-Range: a Range counts only while the client's tag is the current one. */
export function rangeStillApplies(exchange: Pick<Exchange, 'header'>, digest: string): boolean {
  const ifRange = exchange.header('if-range');
  return ifRange === undefined || ifRange.trim() === `"${digest}"`;
}

/** Tags are also taken without quotes: older clients send the bare digest. */
function listed(text: string, digest: string, comparison: 'strong' | 'weak'): boolean {
  return text.split(',').some((item) => {
    const tag = item.trim();
    if (tag === '*') {
      return true;
    }
    const isWeak = tag.startsWith('W/');
    if (isWeak && comparison === 'strong') {
      return false;
    }
    const bare = isWeak ? tag.slice(2) : tag;
    return bare === digest || bare === `"${digest}"`;
  });
}
