/**
 * Which resource a path names, and which handler serves each method of it. Matching works from the path's fixed tail,
 * since names may hold words such as `blobs` or `tags` (reference 1.2).
 */

export type RouteName =
  | 'base'
  | 'catalog'
  | 'tags'
  | 'manifest'
  | 'blob'
  | 'blob_upload'
  | 'blob_upload_chunk'
  | 'referrers';

/** What a path names. `name`, `reference` are decoded but not checked. */
export interface RouteMatch {
  readonly route: RouteName;
  readonly name: string;
  /** Tag or digest, upload id; empty where the route has none. */
  readonly reference: string;
}

/** The canonical path that a client is sent to when it wrote one with too many or too few slashes. */
export interface RouteRedirect {
  readonly redirect: string;
}

const api = 'v2/';

/**
 * @param path    Raw path of the request
 * @param prefix  `http.prefix`, `/` when unset; leading and trailing slash
 * @returns       `undefined` when the path is none of ours; `malformed` when its percent-encoding is broken
 */
export function matchRoute(
  path: string,
  prefix: string,
): RouteMatch | RouteRedirect | 'malformed' | undefined {
  let decoded = path;
  if (path.includes('%')) {
    try {
      decoded = decodeURIComponent(path);
    } catch {
      return 'malformed';
    }
  }
  if (mayNeedCleaning(decoded)) {
    const clean = cleanPath(decoded);
    if (clean !== decoded) {
      return { redirect: clean };
    }
  }
  const root = prefix + api;
  if (!decoded.startsWith(root)) {
    return decoded === root.slice(0, -1) ? { redirect: root } : undefined;
  }
  const rest = decoded.slice(root.length);
  if (rest === '') {
    return { route: 'base', name: '', reference: '' };
  }
  if (rest === '_catalog') {
    return { route: 'catalog', name: '', reference: '' };
  }
  return matchTail(rest) ?? redirectSlash(decoded, rest);
}

function matchTail(rest: string): RouteMatch | undefined {
  const lastSlash = rest.lastIndexOf('/');
  const kindSlash = lastSlash < 1 ? -1 : rest.lastIndexOf('/', lastSlash - 1);
  if (kindSlash < 1) {
    return undefined;
  }
  const last = rest.slice(lastSlash + 1);
  const kind = rest.slice(kindSlash + 1, lastSlash);
  const name = rest.slice(0, kindSlash);
  switch (kind) {
    case 'uploads':
      if (!name.endsWith('/blobs') || !uploadIdGrammar.test(last)) {
        return undefined;
      }
      return {
        route: last === '' ? 'blob_upload' : 'blob_upload_chunk',
        name: name.slice(0, -'/blobs'.length),
        reference: last,
      };
    case 'manifests':
      return last === '' ? undefined : { route: 'manifest', name, reference: last };
    case 'blobs':
      // A client that forgot the last slash of `blobs/uploads/` would lose its POST to a redirect.
      if (last === 'uploads') {
        return { route: 'blob_upload', name, reference: '' };
      }
      return last.includes(':') ? { route: 'blob', name, reference: last } : undefined;
    case 'referrers':
      return last === '' ? undefined : { route: 'referrers', name, reference: last };
    case 'tags':
      return last === 'list' ? { route: 'tags', name, reference: '' } : undefined;
    default:
      return undefined;
  }
}

const uploadIdGrammar = /^[a-zA-Z0-9-_.=]*$/;

/** `…/tags/list/`, `_catalog/` and `…/uploads/<id>/` without their last slash. */
function redirectSlash(path: string, rest: string): RouteRedirect | undefined {
  if (!rest.endsWith('/')) {
    return undefined;
  }
  const trimmed = rest.slice(0, -1);
  const match = trimmed === '_catalog' ? 'catalog' : matchTail(trimmed)?.route;
  return match === 'catalog' || match === 'tags' || match === 'blob_upload_chunk'
    ? { redirect: path.slice(0, -1) }
    : undefined;
}

function mayNeedCleaning(path: string): boolean {
  return path.includes('//') || path.includes('/.');
}

/** As Go's path.Clean, with the trailing slash kept. */
function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') {
      parts.pop();
    } else if (part !== '' && part !== '.') {
      parts.push(part);
    }
  }
  const clean = `/${parts.join('/')}`;
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean;
}
