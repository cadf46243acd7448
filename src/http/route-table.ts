/** Which handler serves which method of a route. A table, so that read-only mode is a second one. */

import type { Handler } from './call.ts';
import {
  deleteUpload,
  getUpload,
  noUpload,
  patchUpload,
  putUpload,
  startUpload,
} from './handlers/blob-uploads.ts';
import { getBlob, removeBlob } from './handlers/blobs.ts';
import { getCatalog, getReferrers, getTags } from './handlers/lists.ts';
import { getManifestReply, putManifestReply, removeManifest } from './handlers/manifests.ts';
import type { RouteName } from './routes.ts';

type Methods = ReadonlyMap<string, Handler>;

const base: Handler = () => ({
  status: 200,
  headers: [['Content-Type', 'application/json']],
  body: '{}',
});

function reading(handler: Handler): [string, Handler][] {
  return [
    ['GET', handler],
    ['HEAD', handler],
  ];
}

const table: Readonly<Record<RouteName, Methods>> = {
  base: new Map(
    ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'].map((method): [string, Handler] => [
      method,
      base,
    ]),
  ),
  catalog: new Map(reading(getCatalog)),
  tags: new Map(reading(getTags)),
  referrers: new Map(reading(getReferrers)),
  manifest: new Map([
    ...reading(getManifestReply),
    ['PUT', putManifestReply],
    ['DELETE', removeManifest],
  ]),
  blob: new Map([...reading(getBlob), ['DELETE', removeBlob]]),
  blob_upload: new Map([
    ...reading(noUpload),
    ['POST', startUpload],
    ['PATCH', noUpload],
    ['PUT', noUpload],
    ['DELETE', noUpload],
  ]),
  blob_upload_chunk: new Map([
    ...reading(getUpload),
    ['PATCH', patchUpload],
    ['PUT', putUpload],
    ['DELETE', deleteUpload],
  ]),
};

const readOnlyTable: Readonly<Record<RouteName, Methods>> = Object.fromEntries(
  Object.entries(table).map(([route, methods]) => [
    route,
    route === 'base'
      ? methods
      : new Map([...methods].filter(([method]) => method === 'GET' || method === 'HEAD')),
  ]),
) as Record<RouteName, Methods>;

export function routeMethods(route: RouteName, isReadOnly: boolean): Methods {
  return isReadOnly ? readOnlyTable[route] : table[route];
}
