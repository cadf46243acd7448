/** Random requests to every route: names, references, queries, headers and bodies, right, nearly right and wild. */

import fc from 'fast-check';
import {
  aDescriptor,
  anImage,
  anIndex,
  digestOf,
  emptyConfig,
  ociConfig,
  ociIndex,
  ociLayer,
  ociManifest,
} from '../support/api-client.ts';

export interface RawRequest {
  readonly method: string;
  /** As it goes on the wire, latin1. `@UPLOAD@` stands for the Location of a fresh upload. */
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
  readonly isChunked: boolean;
}

/** What the fuzzed server holds: the runner pushes these first. */
export const held = {
  name: 'fuzz/held',
  blob: 'bytes that are there',
  manifest: JSON.stringify(anImage()),
};

const wildText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => encodeURIComponent(text)),
  fc.string({ unit: fc.constantFrom(...'ab/._-%:0~@*!\'();&=+$,?[]{}|^`"<>\\'), maxLength: 30 }),
  fc
    .uint8Array({ maxLength: 12 })
    .map((bytes) => [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')),
  fc.constantFrom(
    '..',
    '.',
    '',
    '%',
    '%zz',
    '%00',
    '%2f',
    '%2e%2e',
    '%252f',
    '%ff',
    '%c0%ae',
    'a'.repeat(300),
    'a/'.repeat(200),
  ),
  fc
    .uint8Array({ maxLength: 8 })
    .map((bytes) =>
      Buffer.from(bytes.filter((byte) => byte > 0x20 && byte !== 0x7f)).toString('latin1'),
    ),
);
const name = fc.oneof(
  fc.constantFrom(
    held.name,
    'a',
    'fuzz/none',
    'A/b',
    'host:5000/a',
    '_a',
    'blobs',
    'a/blobs/uploads',
    'a/manifests',
    'tags/list',
    'v2',
  ),
  wildText,
);
const digest = fc.oneof(
  fc.constantFrom(
    digestOf(held.blob),
    digestOf(held.manifest),
    digestOf(held.blob, 'sha512'),
    digestOf('none'),
    digestOf('none', 'sha384'),
    'sha256:abc',
    'md5:d41d8cd98f00b204e9800998ecf8427e',
    `sha256:${'A'.repeat(64)}`,
    'sha256:',
    ':',
    'a:b',
    `sha256:${'0'.repeat(200)}`,
  ),
  wildText.map((text) => `sha256:${text}`),
  wildText,
);
const reference = fc.oneof(
  digest,
  fc.constantFrom('v1', 'latest', '.x', 't'.repeat(128), 't'.repeat(129)),
  wildText,
);
const uploadId = fc.oneof(
  fc.constantFrom('00000000-0000-4000-8000-000000000000', 'x', '..', '.', '_', 'a.b=c'),
  wildText,
);

const queryPair = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(
        'n',
        'last',
        'digest',
        'mount',
        'from',
        'digest-algorithm',
        '_state',
        'tag',
        'artifactType',
        'ns',
      ),
      fc.oneof(
        digest,
        name,
        fc.constantFrom(
          '0',
          '1',
          '-1',
          '1e9',
          '99999999999999999999',
          'NaN',
          'sha256',
          'sha512',
          '%00',
          '+',
          ' '.trim(),
        ),
        wildText,
      ),
    )
    .map(([key, value]) => `${key}=${value}`),
  wildText,
);
const query = fc.oneof(
  { weight: 2, arbitrary: fc.constant('') },
  {
    weight: 3,
    arbitrary: fc
      .array(queryPair, { minLength: 1, maxLength: 4 })
      .map((pairs) => `?${pairs.join('&').replaceAll('#', '')}`),
  },
);

const path = fc.oneof(
  name.map((n) => `/v2/${n}/tags/list`),
  fc.tuple(name, reference).map(([n, r]) => `/v2/${n}/manifests/${r}`),
  fc.tuple(name, digest).map(([n, d]) => `/v2/${n}/blobs/${d}`),
  fc.tuple(name, digest).map(([n, d]) => `/v2/${n}/referrers/${d}`),
  name.map((n) => `/v2/${n}/blobs/uploads/`),
  fc.tuple(name, uploadId).map(([n, id]) => `/v2/${n}/blobs/uploads/${id}`),
  fc.constantFrom('/v2/_catalog', '/v2/', '/v2', '/', '/v2/_catalog/', '//', '/v2/..', '/%76%32/'),
  wildText.map((text) => `/v2/${text}`),
  wildText.map((text) => `/${text}`),
);
const target = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(path, query).map(([p, q]) => `${p.replace(/[?#]/g, '')}${q}`) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constant('@UPLOAD@'), queryPair)
      .map(([p, q]) => `${p}&${q.replaceAll('#', '')}`),
  },
);

const headerValue = fc.oneof(
  fc.string({ maxLength: 40 }).map((text) => text.replace(/[^\x20-\x7e]/g, '')),
  fc
    .uint8Array({ maxLength: 20 })
    .map((bytes) =>
      Buffer.from(bytes.filter((byte) => byte >= 0x20 && byte !== 0x7f)).toString('latin1'),
    ),
);
const header = fc.oneof(
  fc.tuple(
    fc.constant('Range'),
    fc.oneof(
      fc.constantFrom(
        'bytes=0-1',
        'bytes=-1',
        'bytes=5-',
        'bytes=0-1,3-4',
        'bytes=9999999999999999999999-',
        'bytes=--',
        'bytes=0-0,'.repeat(50),
      ),
      headerValue,
    ),
  ),
  fc.tuple(
    fc.constant('Content-Range'),
    fc.oneof(
      fc.constantFrom('0-3', 'bytes 0-3/*', '5-2', '0-99999999999999999999', '-'),
      headerValue,
    ),
  ),
  fc.tuple(
    fc.constant('Content-Type'),
    fc.oneof(
      fc.constantFrom(
        ociManifest,
        ociIndex,
        'application/octet-stream',
        'multipart/form-data; boundary=x',
        'a/b;;;=',
      ),
      headerValue,
    ),
  ),
  fc.tuple(
    fc.constantFrom(
      'Accept',
      'If-None-Match',
      'If-Match',
      'If-Range',
      'Authorization',
      'X-Forwarded-Host',
      'X-Forwarded-Proto',
      'Forwarded',
      'X-Request-Id',
      'User-Agent',
      'Traceparent',
      'X-Forwarded-For',
      'Cookie',
      'Accept-Encoding',
    ),
    fc.oneof(
      headerValue,
      digest.map((text) => `"${text}"`),
    ),
  ),
);

/** A manifest with some of its members replaced by anything. */
const manifestBody = fc
  .tuple(
    fc.constantFrom<object>(
      anImage({
        layers: [aDescriptor(held.blob, ociLayer)],
        subject: aDescriptor('s', ociManifest),
        annotations: { a: 'b' },
      }),
      anIndex([aDescriptor(held.manifest, ociManifest)], {
        subject: aDescriptor('s', ociManifest),
      }),
      anImage(),
      { ...anImage(), config: { ...aDescriptor(emptyConfig, ociConfig), urls: ['x'] } },
    ),
    fc.array(
      fc.tuple(
        fc.nat({ max: 40 }),
        fc.oneof(
          fc.jsonValue(),
          fc.constantFrom<unknown>('sha256:../../x', '__proto__', Number.MAX_VALUE, -0, '\ud800'),
        ),
      ),
      { maxLength: 3 },
    ),
  )
  .map(([manifest, changes]) => {
    let count = 0;
    const text = JSON.stringify(manifest, (_, value: unknown) => {
      const change = changes.find(([at]) => at === count);
      count += 1;
      return change === undefined ? value : change[1];
    });
    return Buffer.from(text ?? 'null');
  });
const body = fc.oneof(
  { weight: 3, arbitrary: fc.constant(Buffer.alloc(0)) },
  { weight: 3, arbitrary: manifestBody },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(held.blob, held.manifest, emptyConfig)
      .map((text) => Buffer.from(text)),
  },
);

/** What may stand in a request line at all; everything else is the parser's matter, not a route's. */
function isSendable(char: string): boolean {
  return char > ' ' && char !== '\u007f' && char !== '#';
}

const anyRequest: fc.Arbitrary<RawRequest> = fc.record({
  method: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom('GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE') },
    fc.constantFrom('OPTIONS', 'REPORT', 'TRACE'),
  ),
  target: target.map((text) => [...text].filter(isSendable).join('')),
  headers: fc.oneof(
    fc.array(header, { maxLength: 4 }),
    fc
      .constantFrom(ociManifest, ociIndex)
      .map((type): [string, string][] => [['Content-Type', type]]),
  ),
  body,
  isChunked: fc.boolean(),
});

/** Requests that are right but for their bodies, so that they get past the first checks. */
const likelyRequest: fc.Arbitrary<RawRequest> = fc.oneof(
  fc.record({
    method: fc.constant('PUT'),
    target: fc
      .oneof(fc.constantFrom('v1', 'v2'), digest)
      .map((text) => `/v2/${held.name}/manifests/${encodeURI(text)}`),
    headers: fc
      .constantFrom(ociManifest, ociIndex)
      .map((type): [string, string][] => [['Content-Type', type]]),
    body: manifestBody,
    isChunked: fc.boolean(),
  }),
  fc.record({
    method: fc.constantFrom('PUT', 'PATCH', 'DELETE', 'GET'),
    target: body.map((bytes) => `@UPLOAD@&digest=${digestOf(bytes)}`),
    headers: fc.array(header, { maxLength: 2 }),
    body,
    isChunked: fc.boolean(),
  }),
  body.chain((bytes) =>
    fc.record({
      method: fc.constant('POST'),
      target: fc.constant(`/v2/${held.name}/blobs/uploads/?digest=${digestOf(bytes)}`),
      headers: fc.constant([]),
      body: fc.constant(bytes),
      isChunked: fc.boolean(),
    }),
  ),
  fc.record({
    method: fc.constantFrom('GET', 'HEAD'),
    target: fc.constantFrom(
      `/v2/${held.name}/blobs/${digestOf(held.blob)}`,
      `/v2/${held.name}/manifests/v1`,
      `/v2/${held.name}/referrers/${digestOf('s')}`,
    ),
    headers: fc.array(header, { maxLength: 4 }),
    body: fc.constant(Buffer.alloc(0)),
    isChunked: fc.constant(false),
  }),
);

export const rawRequest: fc.Arbitrary<RawRequest> = fc.oneof(
  { weight: 3, arbitrary: anyRequest },
  { weight: 2, arbitrary: likelyRequest },
);
