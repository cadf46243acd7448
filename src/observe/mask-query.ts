/** Keeps what a request target may hold in secret out of both logs. */

const stateParameter = /((?:^|[?&])(?:_|%5f)state=)([^&#\s]{8})[^&#\s]+/gi;

/** A target or query with the `_state` tokens of uploads cut to their first eight characters. */
export function maskQuery(text: string): string {
  return text.includes('state=') || text.includes('STATE=')
    ? text.replace(stateParameter, '$1$2…')
    : text;
}

/** Path and query as one masked target. */
export function maskedTarget(path: string, rawQuery: string): string {
  return rawQuery === '' ? path : `${path}?${maskQuery(rawQuery)}`;
}
