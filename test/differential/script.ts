/**
 * The requests that are played against both registries, in order: a client's whole life with blobs, uploads,
 * manifests, tags and lists, and what goes wrong on the way. Data only.
 */

import {
  aDescriptor,
  anImage,
  anIndex,
  digestOf,
  dockerList,
  dockerManifest,
  emptyConfig,
  ociConfig,
  ociIndex,
  ociLayer,
  ociManifest,
} from '../support/api-client.ts';

export interface Step {
  /** Names the step in the table of wanted differences; unique. */
  readonly label: string;
  readonly method: string;
  /** `{x}` at the start stands for the Location kept as `x`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Sends the body in chunked coding. */
  readonly chunked?: boolean;
  /** Keeps the Location of the reply under this name. */
  readonly keep?: string;
}

const blob = 'the quick brown fox jumps';
const blobDigest = digestOf(blob);
const missing = digestOf('never pushed');
const name = 'diff/one';

function uploadsOf(repository: string): string {
  return `/v2/${repository}/blobs/uploads/`;
}

function start(label: string, keep: string, query = ''): Step {
  return { label, method: 'POST', path: uploadsOf(name) + query, body: '', keep };
}

function put(
  label: string,
  reference: string,
  manifest: object | string,
  type: string = ociManifest,
  repository: string = name,
): Step {
  return {
    label,
    method: 'PUT',
    path: `/v2/${repository}/manifests/${reference}`,
    headers: { 'content-type': type },
    body: typeof manifest === 'string' ? manifest : JSON.stringify(manifest),
  };
}

function reads(label: string, path: string, headers: Record<string, string> = {}): Step[] {
  return ['GET', 'HEAD'].map((method) => ({ label: `${label}: ${method}`, method, path, headers }));
}

const base: readonly Step[] = [
  ...reads('base', '/v2/'),
  { label: 'base by POST', method: 'POST', path: '/v2/', body: '' },
  ...reads('root', '/'),
  ...reads('unknown route', '/v2/nowhere/at/all'),
  ...reads('base without slash', '/v2'),
  ...reads('doubled slash', '/v2//diff/one/tags/list'),
  ...reads('dots', '/v2/x/../diff/one/tags/list'),
  ...reads('tags with slash', '/v2/diff/one/tags/list/'),
  ...reads('catalog with slash', '/v2/_catalog/'),
  { label: 'unknown method', method: 'REPORT', path: '/v2/diff/one/tags/list' },
  { label: 'options of tags', method: 'OPTIONS', path: '/v2/diff/one/tags/list' },
  { label: 'options of a manifest', method: 'OPTIONS', path: '/v2/diff/one/manifests/v1' },
  { label: 'POST of tags', method: 'POST', path: '/v2/diff/one/tags/list', body: '' },
  { label: 'POST of a manifest', method: 'POST', path: '/v2/diff/one/manifests/v1', body: '' },
  { label: 'PUT of a blob', method: 'PUT', path: `/v2/diff/one/blobs/${missing}`, body: '' },
  ...reads('empty catalog', '/v2/_catalog'),
  ...reads('tags of nothing', '/v2/diff/none/tags/list'),
  ...reads('upper-case name', '/v2/Diff/tags/list'),
  ...reads('name too long', `/v2/${'a'.repeat(256)}/tags/list`),
];

/** A request on an upload of its own that holds ten bytes, so that whatever it does disturbs no other. */
function onUpload(label: string, step: Omit<Step, 'label' | 'path'> & { query?: string }): Step[] {
  const { query = '', ...rest } = step;
  return [
    start(`start for ${label}`, 'own'),
    {
      label: `ten bytes for ${label}`,
      method: 'PATCH',
      path: '{own}',
      body: blob.slice(0, 10),
      keep: 'own',
    },
    { label, path: `{own}${query}`, ...rest },
  ];
}

const uploads: readonly Step[] = [
  start('start', 'a'),
  ...reads('status of a new upload', '{a}'),
  { label: 'first chunk', method: 'PATCH', path: '{a}', body: blob.slice(0, 10), keep: 'a1' },
  ...reads('status of an upload', '{a1}'),
  {
    label: 'second chunk',
    method: 'PATCH',
    path: '{a1}',
    body: blob.slice(10, 20),
    headers: { 'content-range': '10-19' },
    keep: 'a2',
  },
  {
    label: 'finish with last chunk',
    method: 'PUT',
    path: `{a2}&digest=${blobDigest}`,
    body: blob.slice(20),
  },
  { label: 'status after the end', method: 'GET', path: '{a2}' },
  { label: 'PATCH after the end', method: 'PATCH', path: '{a2}', body: 'x' },
  { label: 'DELETE after the end', method: 'DELETE', path: '{a2}' },
  ...onUpload('chunk out of order', {
    method: 'PATCH',
    body: 'abc',
    headers: { 'content-range': '12-14' },
  }),
  ...onUpload('chunk of another length', {
    method: 'PATCH',
    body: 'abc',
    headers: { 'content-range': '10-20' },
  }),
  ...onUpload('malformed range', {
    method: 'PATCH',
    body: 'abc',
    headers: { 'content-range': 'x' },
  }),
  ...onUpload('finish without digest', { method: 'PUT', body: '' }),
  ...onUpload('finish with nonsense', { method: 'PUT', query: '&digest=nonsense', body: '' }),
  ...onUpload('finish with md5', {
    method: 'PUT',
    query: '&digest=md5:d41d8cd98f00b204e9800998ecf8427e',
    body: '',
  }),
  start('start for stale', 's'),
  { label: 'chunk before stale', method: 'PATCH', path: '{s}', body: 'abc' },
  { label: 'stale location', method: 'PATCH', path: '{s}', body: 'x' },
  start('start for chunked', 'b'),
  {
    label: 'chunked coding',
    method: 'PATCH',
    path: '{b}',
    body: 'streamed',
    chunked: true,
    keep: 'b1',
  },
  { label: 'finish chunked', method: 'PUT', path: `{b1}&digest=${digestOf('streamed')}`, body: '' },
  start('start for whole', 'c'),
  { label: 'whole in PUT', method: 'PUT', path: `{c}&digest=${digestOf('whole')}`, body: 'whole' },
  start('start for empty', 'd'),
  { label: 'empty blob', method: 'PUT', path: `{d}&digest=${digestOf('')}`, body: '' },
  start('start for mismatch', 'e'),
  { label: 'digest mismatch', method: 'PUT', path: `{e}&digest=${missing}`, body: 'mismatch' },
  start('start for cancel', 'f'),
  { label: 'cancel', method: 'DELETE', path: '{f}' },
  { label: 'cancel again', method: 'DELETE', path: '{f}' },
  { label: 'status of the cancelled', method: 'GET', path: '{f}' },
  start('start for empty chunk', 'g'),
  { label: 'empty chunk', method: 'PATCH', path: '{g}', body: '', keep: 'g1' },
  {
    label: 'finish after empty chunk',
    method: 'PUT',
    path: `{g1}&digest=${digestOf('late')}`,
    body: 'late',
  },
  start('start for octets', 'h'),
  {
    label: 'octet-stream',
    method: 'PATCH',
    path: '{h}',
    body: 'octets',
    headers: { 'content-type': 'application/octet-stream' },
  },
  start('start for a range with a unit', 'i'),
  {
    label: 'range with a unit',
    method: 'PATCH',
    path: '{i}',
    body: 'abc',
    headers: { 'content-range': 'bytes 0-2/*' },
  },
  start('start for another type', 'j'),
  {
    label: 'PATCH of another type',
    method: 'PATCH',
    path: '{j}',
    body: 'abc',
    headers: { 'content-type': 'text/plain' },
  },
  start('start for a PUT out of order', 'k'),
  {
    label: 'PUT out of order',
    method: 'PUT',
    path: `{k}&digest=${digestOf('ordered')}`,
    body: 'ordered',
    headers: { 'content-range': '5-11' },
  },
  start('start with digest', 'l', `?digest=${missing}`),
  {
    label: 'no state',
    method: 'PATCH',
    path: `${uploadsOf(name)}00000000-0000-4000-8000-000000000000`,
    body: 'x',
  },
  {
    label: 'bad state',
    method: 'PATCH',
    path: `${uploadsOf(name)}00000000-0000-4000-8000-000000000000?_state=AAAA`,
    body: 'x',
  },
  {
    label: 'status of no upload',
    method: 'GET',
    path: `${uploadsOf(name)}00000000-0000-4000-8000-000000000000`,
  },
  ...['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'].map((method) => ({
    label: `uploads without id: ${method}`,
    method,
    path: uploadsOf(name),
  })),
  {
    label: 'mount',
    method: 'POST',
    path: `${uploadsOf('diff/two')}?mount=${blobDigest}&from=${name}`,
    body: '',
  },
  {
    label: 'mount of nothing',
    method: 'POST',
    path: `${uploadsOf('diff/two')}?mount=${missing}&from=${name}`,
    body: '',
  },
  {
    label: 'mount from nowhere',
    method: 'POST',
    path: `${uploadsOf('diff/two')}?mount=${blobDigest}&from=diff/none`,
    body: '',
  },
  {
    label: 'mount of a bad digest',
    method: 'POST',
    path: `${uploadsOf('diff/two')}?mount=x&from=${name}`,
    body: '',
  },
  {
    label: 'mount without from',
    method: 'POST',
    path: `${uploadsOf('diff/three')}?mount=${blobDigest}`,
    body: '',
  },
  {
    label: 'from without mount',
    method: 'POST',
    path: `${uploadsOf('diff/three')}?from=${name}`,
    body: '',
  },
  start('start for sha512', 'm'),
  {
    label: 'finish by sha512',
    method: 'PUT',
    path: `{m}&digest=${digestOf('long digest', 'sha512')}`,
    body: 'long digest',
  },
];

const blobUrl = `/v2/${name}/blobs/${blobDigest}`;
const emptyUrl = `/v2/${name}/blobs/${digestOf('')}`;

const blobs: readonly Step[] = [
  ...reads('blob', blobUrl),
  ...reads('empty blob', emptyUrl),
  ...reads('range of the empty blob', emptyUrl, { range: 'bytes=0-1' }),
  ...reads('missing blob', `/v2/${name}/blobs/${missing}`),
  ...reads('blob of another repository', `/v2/diff/other/blobs/${blobDigest}`),
  ...reads('mounted blob', `/v2/diff/two/blobs/${blobDigest}`),
  ...reads('short digest', `/v2/${name}/blobs/sha256:abc`),
  ...reads('md5 digest', `/v2/${name}/blobs/md5:d41d8cd98f00b204e9800998ecf8427e`),
  ...reads('no digest', `/v2/${name}/blobs/abc`),
  ...[
    'bytes=0-4',
    'bytes=5-',
    'bytes=-3',
    'bytes=20-400',
    'bytes=-400',
    'bytes=25-',
    'bytes=100-200',
    'bytes=-0',
    'bytes=4-2',
    'bytes=x',
    'lines=0-1',
    'bytes=0-20,1-24',
    'bytes=0-1,40-50',
  ].flatMap((range) => reads(`range ${range}`, blobUrl, { range })),
  ...reads('if-none-match', blobUrl, { 'if-none-match': `"${blobDigest}"` }),
  ...reads('if-none-match weak', blobUrl, { 'if-none-match': `W/"${blobDigest}"` }),
  ...reads('if-none-match list', blobUrl, { 'if-none-match': `"x", "${blobDigest}"` }),
  ...reads('if-none-match any', blobUrl, { 'if-none-match': '*' }),
  ...reads('if-none-match bare', blobUrl, { 'if-none-match': blobDigest }),
  ...reads('if-none-match other', blobUrl, { 'if-none-match': '"x"' }),
  ...reads('if-match', blobUrl, { 'if-match': `"${blobDigest}"` }),
  ...reads('if-match other', blobUrl, { 'if-match': '"x"' }),
  ...reads('if-range', blobUrl, { 'if-range': `"${blobDigest}"`, range: 'bytes=0-1' }),
  ...reads('if-range other', blobUrl, { 'if-range': '"x"', range: 'bytes=0-1' }),
  { label: 'delete of a missing blob', method: 'DELETE', path: `/v2/${name}/blobs/${missing}` },
  { label: 'delete of a mounted blob', method: 'DELETE', path: `/v2/diff/two/blobs/${blobDigest}` },
  { label: 'delete of it again', method: 'DELETE', path: `/v2/diff/two/blobs/${blobDigest}` },
  ...reads('deleted blob', `/v2/diff/two/blobs/${blobDigest}`),
];

const image = anImage({ layers: [aDescriptor(blob, ociLayer)] });
const imageText = JSON.stringify(image);
const imageDigest = digestOf(imageText);
const dockerImage = JSON.stringify({ ...image, mediaType: dockerManifest });
const amd64 = { platform: { architecture: 'amd64', os: 'linux' } };
const list = {
  schemaVersion: 2,
  mediaType: dockerList,
  manifests: [aDescriptor(dockerImage, dockerManifest, amd64)],
};
const manifestUrl = (reference: string): string => `/v2/${name}/manifests/${reference}`;

const manifests: readonly Step[] = [
  put('manifest before its config', 'early', image),
  { label: 'config', method: 'POST', path: uploadsOf(name), body: '', keep: 'n' },
  {
    label: 'config finished',
    method: 'PUT',
    path: `{n}&digest=${digestOf(emptyConfig)}`,
    body: emptyConfig,
  },
  put('manifest', 'v1', imageText),
  put('manifest again', 'v1', imageText),
  put('manifest by digest', imageDigest, imageText),
  put('manifest by another digest', missing, imageText),
  put('docker manifest', 'docker', dockerImage, dockerManifest),
  put('docker list', 'list', list, dockerList),
  put('index', 'index', anIndex([aDescriptor(imageText, ociManifest)]), ociIndex),
  put('index of the missing', 'index2', anIndex([aDescriptor('no such', ociManifest)]), ociIndex),
  put('manifest of the missing', 'v2', anImage({ layers: [aDescriptor('no such', ociLayer)] })),
  put('no JSON', 'v2', '{'),
  put('empty body', 'v2', ''),
  put('no type', 'v2', imageText, ''),
  put('any JSON type', 'v2', imageText, 'application/json'),
  put('another type in the body', 'v2', anImage({ mediaType: ociIndex })),
  put('type with parameters', 'v1', imageText, `${ociManifest}; charset=utf-8`),
  put('schemaVersion 1', 'v2', anImage({ schemaVersion: 1 })),
  put(
    'malformed digest inside',
    'v2',
    anImage({ config: { mediaType: ociConfig, digest: 'x', size: 1 } }),
  ),
  put('tag too long', 't'.repeat(129), imageText),
  put('tag with a dot first', '.x', imageText),
  ...['v1', imageDigest, 'docker', 'list', 'index'].flatMap((reference) =>
    reads(`pull ${reference === imageDigest ? 'by digest' : reference}`, manifestUrl(reference), {
      accept: [ociManifest, ociIndex, dockerManifest, dockerList].join(', '),
    }),
  ),
  ...reads('pull without Accept', manifestUrl('v1')),
  ...reads('pull anything', manifestUrl('v1'), { accept: '*/*' }),
  ...reads('pull docker without Accept', manifestUrl('docker')),
  ...reads('pull list as an old client', manifestUrl('list'), { accept: dockerManifest }),
  ...reads('pull OCI as a docker client', manifestUrl('v1'), { accept: dockerManifest }),
  ...reads('pull if-none-match', manifestUrl('docker'), {
    'if-none-match': `"${digestOf(dockerImage)}"`,
    accept: dockerManifest,
  }),
  ...reads('pull if-none-match bare', manifestUrl('docker'), {
    'if-none-match': digestOf(dockerImage),
    accept: dockerManifest,
  }),
  ...reads('pull a range', manifestUrl('docker'), { range: 'bytes=0-1', accept: dockerManifest }),
  ...reads('pull of nothing', manifestUrl('nothing')),
  ...reads('pull of a missing digest', manifestUrl(missing)),
  ...reads('pull of an unknown repository', '/v2/diff/none/manifests/v1'),
  ...reads('pull of a bad digest', manifestUrl('sha256:abc')),
  ...reads('referrers', `/v2/${name}/referrers/${imageDigest}`),
];

const lists: readonly Step[] = [
  ...['b', 'A', 'a-b', '0'].map((tag) => put(`tag ${tag}`, tag, dockerImage, dockerManifest)),
  ...[
    '',
    '?n=2',
    '?n=3&last=A',
    '?n=100',
    '?last=a',
    '?last=zz',
    '?n=',
    '?n=0',
    '?n=-1',
    '?n=x',
  ].flatMap((query) => reads(`tags${query}`, `/v2/${name}/tags/list${query}`)),
  ...['diff/two/deep', 'diff', 'diff-two'].flatMap((repository) => [
    {
      label: `start in ${repository}`,
      method: 'POST',
      path: `${uploadsOf(repository)}?mount=${digestOf(emptyConfig)}&from=${name}`,
      body: '',
    },
    put(`index in ${repository}`, 'v1', anIndex([]), ociIndex, repository),
  ]),
  ...[
    '',
    '?n=1',
    '?n=2',
    '?n=2&last=diff',
    '?n=100',
    '?last=zzz',
    '?n=0',
    '?n=-1',
    '?n=x',
    '?n=100000',
  ].flatMap((query) => reads(`catalog${query}`, `/v2/_catalog${query}`)),
];

const deletes: readonly Step[] = [
  { label: 'delete of a missing tag', method: 'DELETE', path: manifestUrl('nothing') },
  { label: 'delete of a tag', method: 'DELETE', path: manifestUrl('a-b') },
  { label: 'delete of a missing manifest', method: 'DELETE', path: manifestUrl(missing) },
  { label: 'delete of a manifest', method: 'DELETE', path: manifestUrl(digestOf(dockerImage)) },
  {
    label: 'delete of it again as a manifest',
    method: 'DELETE',
    path: manifestUrl(digestOf(dockerImage)),
  },
  ...reads('pull of the deleted', manifestUrl(digestOf(dockerImage)), { accept: dockerManifest }),
  ...reads('pull of a deleted tag', manifestUrl('docker'), { accept: dockerManifest }),
  ...reads('tags after the deletes', `/v2/${name}/tags/list`),
  {
    label: 'delete of the last manifest',
    method: 'DELETE',
    path: `/v2/diff-two/manifests/${digestOf(JSON.stringify(anIndex([])))}`,
  },
  ...reads('tags of the emptied', '/v2/diff-two/tags/list'),
  ...reads('catalog at the end', '/v2/_catalog'),
];

export const script: readonly Step[] = [
  ...base,
  ...uploads,
  ...blobs,
  ...manifests,
  ...lists,
  ...deletes,
];
