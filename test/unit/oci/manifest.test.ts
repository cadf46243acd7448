/** Strict and lenient reading of one document, over many shapes. */

import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../src/errors.ts';
import {
  type ParsedManifest,
  parseManifest,
  parseStoredManifest,
  referencesOf,
} from '../../../src/oci/manifest.ts';
import {
  aDescriptor,
  anImage,
  anIndex,
  digestOf,
  dockerList,
  dockerManifest,
  ociConfig,
  ociIndex,
  ociLayer,
  ociManifest,
} from '../../support/api-client.ts';

const types = [ociManifest, ociIndex, dockerManifest, dockerList];
const bytesOf = (json: object | string): Buffer =>
  Buffer.from(typeof json === 'string' ? json : JSON.stringify(json));

/** `undefined` for what is refused as no manifest. */
function tried(read: () => ParsedManifest): ParsedManifest | undefined {
  try {
    return read();
  } catch (error) {
    if (hasCode(error, 'MANIFEST_INVALID')) {
      return undefined;
    }
    throw error;
  }
}

const config = aDescriptor('{}', ociConfig);
const layer = aDescriptor('layer', ociLayer);
const child = aDescriptor('child', ociManifest, {
  platform: { architecture: 'amd64', os: 'linux' },
});
const absent = undefined;

/** Every mixture of these members. */
function* shapes(): Generator<object> {
  for (const mediaType of [absent, null, '', ...types, 'text/plain', 4, ociIndex.toUpperCase()]) {
    for (const config_ of [absent, null, config, {}, 'x']) {
      for (const layers of [absent, null, [], [layer, layer], [null], {}]) {
        for (const manifests of [absent, null, [], [child], [{}], 'x']) {
          yield { schemaVersion: 2, mediaType, config: config_, layers, manifests };
        }
      }
    }
  }
}

const extras: readonly object[] = [
  {},
  { subject: null },
  { subject: layer, artifactType: 'a/b', annotations: { a: 'b', __proto__: 'c' } },
  { subject: {} },
  { subject: 'x' },
  { artifactType: 4 },
  { annotations: { a: null } },
  { annotations: [] },
  { unknown: { deep: [[[1]]] } },
  { schemaVersion: 1 },
  { Layers: [] },
];

describe('what a push takes', () => {
  it.each(types)('as %s reads the same from storage', (type) => {
    let taken = 0;
    for (const shape of shapes()) {
      for (const extra of extras) {
        const bytes = bytesOf({ ...shape, ...extra });
        const pushed = tried(() => parseManifest(bytes, type));
        if (pushed !== undefined) {
          taken += 1;
          expect(pushed.mediaType).toBe(type);
          expect(parseStoredManifest(bytes), bytes.toString()).toEqual(pushed);
          expect(pushed.isWhole).toBe(true);
        }
      }
    }
    expect(taken).toBeGreaterThan(20);
  });

  it.each([
    '{"schemaVersion":2,"manifests":null}',
    '{"schemaVersion":2,"manifests":[]}',
    '{"schemaVersion":2,"mediaType":"","manifests":null,"annotations":{"a":"b"}}',
    '{"schemaVersion":2,"manifests":null,"config":null,"layers":null}',
  ])('holds an index without children, as Go prints it: %s', (text) => {
    expect(parseManifest(bytesOf(text), ociIndex)).toMatchObject({ kind: 'index', manifests: [] });
  });

  it.each([
    ['{"schemaVersion":2}', ociIndex],
    ['{"schemaVersion":2,"mediaType":""}', ociIndex],
    ['{"schemaVersion":2,"mediaType":null,"annotations":{}}', ociIndex],
    ['{"schemaVersion":2,"manifests":null}', ociManifest],
    ['{"schemaVersion":2,"layers":[]}', ociIndex],
  ])('is nothing whose bytes do not tell its type: %s as %s', (text, type) => {
    expect(() => parseManifest(bytesOf(text), type)).toThrow(
      expect.objectContaining({ code: 'MANIFEST_INVALID', detail: expect.stringContaining(type) }),
    );
  });
});

describe('keys that differ from known ones in case only', () => {
  const odd = (json: object, key: string, other: string): string =>
    JSON.stringify(json).replace(`"${key}"`, `"${other}"`);

  it.each([
    ['Layers', odd(anImage({ layers: [layer] }), 'layers', 'Layers')],
    ['layer\u017f', odd(anImage({ layers: [layer] }), 'layers', 'layer\u017f')],
    ['Config', JSON.stringify(anImage({ Config: null }))],
    ['SUBJECT', JSON.stringify(anImage({ SUBJECT: layer }))],
    ['MediaType', odd(anImage(), 'mediaType', 'MediaType')],
    ['schemaversion', odd(anImage(), 'schemaVersion', 'schemaversion')],
    ['config.Digest', JSON.stringify(anImage({ config: { ...config, Digest: digestOf('x') } }))],
    ['layers[1].SIZE', JSON.stringify(anImage({ layers: [layer, { ...layer, SIZE: 1 }] }))],
  ])('are refused of a push and hide references in storage: %s', (key, text) => {
    expect(() => parseManifest(bytesOf(text), ociManifest)).toThrow(
      expect.objectContaining({
        code: 'MANIFEST_INVALID',
        detail: expect.stringContaining(`${key} differs from `),
      }),
    );
    expect(parseStoredManifest(bytesOf(text))).toMatchObject({
      mediaType: ociManifest,
      isWhole: false,
    });
  });

  it('are refused of an index alike, in platforms too', () => {
    const Platform = { architecture: 'amd64', OS: 'linux' };
    for (const index of [
      anIndex([], { Manifests: [child] }),
      anIndex([{ ...child, platform: Platform }]),
      anIndex([{ ...child, URLs: [] }]),
    ]) {
      expect(tried(() => parseManifest(bytesOf(index), ociIndex))).toBeUndefined();
      expect(parseStoredManifest(bytesOf(index)).mediaType).toBe(ociIndex);
    }
  });

  it('do not matter where keys are free', () => {
    const free = anImage({
      annotations: { Layers: 'a', Digest: 'b' },
      unknown: { Layers: 1 },
      Kind: 'x',
    });
    expect(parseManifest(bytesOf(free), ociManifest).isWhole).toBe(true);
  });
});

describe('what is stored', () => {
  const deep = `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`;
  const notUtf8 = bytesOf(anImage({ layers: [layer], unknown: '?' }));
  notUtf8[notUtf8.indexOf('?')] = 0xff;

  it.each<[string, Buffer]>([
    [
      'annotations that map to null',
      bytesOf(anImage({ annotations: { a: null }, layers: [layer] })),
    ],
    ['annotations that are no map', bytesOf(anImage({ annotations: ['x'], layers: [layer] }))],
    ['a subject that names nothing', bytesOf(anImage({ subject: {}, layers: [layer] }))],
    ['an artifactType that is no text', bytesOf(anImage({ artifactType: 4, layers: [layer] }))],
    ['a size below zero', bytesOf(anImage({ layers: [{ ...layer, size: -1 }] }))],
    ['a size beyond all', bytesOf(anImage({ layers: [{ ...layer, size: 2 ** 62 }] }))],
    [
      'urls, platform and type of a layer that are none',
      bytesOf(anImage({ layers: [{ ...layer, urls: 1, platform: 1, mediaType: 1 }] })),
    ],
    ['bytes that are no UTF-8', notUtf8],
    [
      'JSON nested deep',
      bytesOf(JSON.stringify(anImage({ layers: [layer], x: '@' })).replace('"@"', deep)),
    ],
  ])('is read in full with %s', (_, bytes) => {
    expect(tried(() => parseManifest(bytes, ociManifest))).toBeUndefined();
    const read = parseStoredManifest(bytes);
    expect(read).toMatchObject({ mediaType: ociManifest, isWhole: true });
    expect(read.subject).toBeUndefined();
    expect(referencesOf(read).map(({ digest }) => digest)).toEqual([
      digestOf('{}'),
      digestOf('layer'),
    ]);
  });

  it('is read in full without a config, as by Distribution', () => {
    const text = JSON.stringify(anImage({ config: undefined, layers: [layer] }));
    const read = parseStoredManifest(bytesOf(text));
    expect(read.isWhole).toBe(true);
    expect(referencesOf(read).map(({ digest }) => digest)).toEqual([digestOf('layer')]);
    expect(parseStoredManifest(bytesOf('{"schemaVersion":2}'))).toMatchObject({
      mediaType: ociManifest,
      isWhole: true,
    });
  });

  it.each<[string, object]>([
    ['a config that is none', anImage({ config: 'x' })],
    ['a config of null', anImage({ config: null })],
    ['a config without digest', anImage({ config: { size: 1 } })],
    ['a layer of null', anImage({ layers: [null] })],
    ['a layer without digest', anImage({ layers: [{}] })],
    ['a subject without digest', anImage({ subject: { size: 1 } })],
    ['a child without digest', anIndex([{}])],
    ['layers that are no list', anImage({ layers: { 0: layer } })],
    ['a layer that is none', anImage({ layers: [layer, digestOf('other')] })],
    ['a digest that is no text', anImage({ layers: [layer, { ...layer, digest: [] }] })],
    ['a subject that is none', anImage({ subject: digestOf('other') })],
    ['children that are no list', anIndex([], { manifests: digestOf('other') })],
    ['a child that is none', anIndex([child, [child]] as object[])],
  ])('may name more than was read with %s', (_, manifest) => {
    const { mediaType } = manifest as { mediaType: string };
    expect(parseStoredManifest(bytesOf(manifest))).toMatchObject({ mediaType, isWhole: false });
  });

  it.each<[string, object | string]>([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['null', 'null'],
    ['a byte order mark', `\ufeff${JSON.stringify(anImage())}`],
    ['another schemaVersion', anImage({ schemaVersion: 1 })],
    ['another type', anImage({ mediaType: 'text/plain' })],
    ['a type that is no text', anImage({ mediaType: 4 })],
    ['an image that is an index too', anImage({ manifests: [] })],
    ['an index that is an image too', anIndex([], { layers: [] })],
    ['both, and no type', { schemaVersion: 2, config, layers: [], manifests: [] }],
  ])('is no manifest: %s', (_, manifest) => {
    expect(tried(() => parseStoredManifest(bytesOf(manifest)))).toBeUndefined();
  });
});
