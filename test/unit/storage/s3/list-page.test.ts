/** Pages of keys as stores write them: read as the SDK would, and no later than they are whole. */

import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { listPage, tryParsePage } from '../../../../src/storage/drivers/s3/list-page.ts';
import { type OnFake, onFake } from '../../../support/s3-on-fake.ts';
import { plainClient } from '../../../support/s3-options.ts';

const namespace = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';
const ofAws = `<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult ${namespace}><Name>b</Name><Prefix>r/</Prefix><NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=</NextContinuationToken><KeyCount>2</KeyCount><MaxKeys>2</MaxKeys><Delimiter>/</Delimiter><IsTruncated>true</IsTruncated><Contents><Key>r/a&amp;b&#13;&#x1F600;</Key><LastModified>2026-11-28T05:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>1</Size><StorageClass>STANDARD</StorageClass></Contents><CommonPrefixes><Prefix>r/v1/</Prefix></CommonPrefixes></ListBucketResult>`;
const ofCeph = `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult ${namespace}><Name>b</Name><Prefix>r/</Prefix><MaxKeys>1000</MaxKeys><Delimiter>/</Delimiter><IsTruncated>false</IsTruncated><Contents><Key>r/a</Key><Size>1</Size><Owner><ID>test</ID><DisplayName>test</DisplayName></Owner><Type>Normal</Type></Contents><CommonPrefixes><Prefix>r/v1/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>r/v2/</Prefix></CommonPrefixes><KeyCount>3</KeyCount></ListBucketResult>`;
const indented = `<ListBucketResult>
  <IsTruncated>false</IsTruncated>
  <Contents>
    <Key>r/a</Key>
  </Contents>
  <CommonPrefixes>
    <Prefix>r/v1/</Prefix>
  </CommonPrefixes>
</ListBucketResult>
`;

describe('tryParsePage', () => {
  it.each([
    [
      'AWS',
      ofAws,
      {
        keys: ['r/a&b\r😀'],
        folders: ['r/v1/'],
        isTruncated: true,
        nextToken: '1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=',
      },
    ],
    [
      'Ceph',
      ofCeph,
      { keys: ['r/a'], folders: ['r/v1/', 'r/v2/'], isTruncated: false, nextToken: undefined },
    ],
    [
      'a store that indents',
      indented,
      { keys: ['r/a'], folders: ['r/v1/'], isTruncated: false, nextToken: undefined },
    ],
    [
      'an empty bucket',
      `<ListBucketResult ${namespace}><Prefix></Prefix><IsTruncated>false</IsTruncated></ListBucketResult>`,
      { keys: [], folders: [], isTruncated: false, nextToken: undefined },
    ],
  ])('reads the page of %s', (_store, document, page) => {
    expect(tryParsePage(document)).toEqual(page);
  });

  it.each([
    ['an error', '<Error><Code>SlowDown</Code></Error>'],
    ['a page cut short', ofAws.slice(0, -5)],
    ['CDATA', '<ListBucketResult><Contents><Key><![CDATA[a]]></Key></Contents></ListBucketResult>'],
    ['nothing', ''],
  ])('leaves %s to the SDK', (_title, document) => {
    expect(tryParsePage(document)).toBeUndefined();
  });
});

describe('listPage', () => {
  let on: OnFake;
  afterEach(() => on.stop());

  it('gives what the SDK gives, whatever the keys', async () => {
    on = await onFake({ pageSize: 5 });
    const client = plainClient(on.fake.endpoint);
    const piece = fc.stringMatching(/^[a-z&<>"';#. äß😀-]{1,6}$/u);
    const key = fc.array(piece, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(key, { maxLength: 12 }),
        fc.constantFrom(undefined, '/' as const),
        async (keys, delimiter) => {
          on.fake.objects.clear();
          for (const name of keys) {
            on.fake.store(name, 'x');
          }
          const page = await listPage(on.store, { prefix: '', ...(delimiter && { delimiter }) });
          const { bucket } = on.store;
          const known = await client.send(
            new ListObjectsV2Command({ Bucket: bucket, Delimiter: delimiter }),
          );
          expect(page).toEqual({
            keys: (known.Contents ?? []).map(({ Key }) => Key),
            folders: (known.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
            isTruncated: known.IsTruncated,
            nextToken: known.NextContinuationToken,
          });
        },
      ),
      { numRuns: 100 },
    );
    client.destroy();
  });

  it('does not wait for the end of the body once the page is whole', async () => {
    on = await onFake();
    on.fake.store('a', 'x');
    on.fake.plan('ListObjectsV2', { kind: 'held end' });
    expect((await listPage(on.store, { prefix: '' })).keys).toEqual(['a']);
    // Nor does the next call wait for that connection.
    expect((await listPage(on.store, { prefix: '' })).keys).toEqual(['a']);
  });

  it('takes an error in a 200 for one, and tries again', async () => {
    on = await onFake();
    on.fake.store('a', 'x');
    on.fake.plan('ListObjectsV2', { kind: 'error in 200', code: 'InternalError' });
    expect((await listPage(on.store, { prefix: '' })).keys).toEqual(['a']);
  });
});
