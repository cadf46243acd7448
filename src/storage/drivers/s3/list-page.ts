/**
 * One page of keys, read without the SDK's XML parser, which kept the main thread busy between a page and the next call.
 * Used by listing.ts, removal.ts and probe.ts; client.ts adds the reading.
 */

import type { Readable } from 'node:stream';
import {
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { ObjectStore } from './object-store.ts';

const pageSize = 1000;
const endTag = '</ListBucketResult>';
/** What the SDK gets to parse instead of a page that was read here. */
const emptyResult = Buffer.from('<ListBucketResult/>');

export interface PageQuery {
  readonly prefix: string;
  readonly startAfter?: string;
  readonly token?: string;
  readonly delimiter?: '/';
  readonly maxKeys?: number;
}

export interface ListPage {
  readonly keys: readonly string[];
  /** Common prefixes, the delimiter included. */
  readonly folders: readonly string[];
  readonly isTruncated: boolean;
  readonly nextToken: string | undefined;
}

const pagesRead = new WeakMap<object, ListPage>();

export async function listPage(
  store: ObjectStore,
  query: PageQuery,
  signal?: AbortSignal,
): Promise<ListPage> {
  const command = new ListObjectsV2Command({
    Bucket: store.bucket,
    ...(query.prefix !== '' && { Prefix: query.prefix }),
    ...(query.delimiter && { Delimiter: query.delimiter }),
    ...(query.startAfter && { StartAfter: query.startAfter }),
    ...(query.token !== undefined && { ContinuationToken: query.token }),
    MaxKeys: query.maxKeys ?? pageSize,
  });
  // A whole page may take a server long whose index is large or full of what was deleted.
  const client = query.maxKeys === 1 ? store.client : store.patient;
  const output = await (signal === undefined
    ? client.send(command)
    : client.send(command, { abortSignal: signal }));
  return pagesRead.get(command.input) ?? pageOf(output);
}

function pageOf(output: ListObjectsV2CommandOutput): ListPage {
  return {
    keys: (output.Contents ?? []).flatMap(({ Key }) => Key ?? []),
    folders: (output.CommonPrefixes ?? []).flatMap(({ Prefix }) => Prefix ?? []),
    isTruncated: output.IsTruncated === true,
    nextToken: output.NextContinuationToken,
  };
}

export function readListPages(client: S3Client): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const result = await next(args);
      const response = result.response as { statusCode: number; body: unknown };
      if (context['commandName'] === 'ListObjectsV2Command' && response.statusCode === 200) {
        const bytes = await documentOf(response.body as Readable);
        const page = tryParsePage(bytes.toString());
        if (page !== undefined) {
          pagesRead.set(args.input, page);
        }
        response.body = page === undefined ? bytes : emptyResult;
      }
      return result;
    },
    { step: 'deserialize', priority: 'low', name: 'readListPages' },
  );
}

/**
 * The body up to the document's end tag. Ceph sends the end of the body as a packet of its own, which Nagle's algorithm
 * there and delayed acknowledgements here keep back for 40 ms. The rest is read and dropped, so that the connection can
 * serve another call.
 */
function documentOf(body: Readable): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let tail = '';
  return new Promise((resolve, reject) => {
    const finish = (): void => resolve(Buffer.concat(pieces));
    body.on('data', (piece: Buffer) => {
      pieces.push(piece);
      tail = (tail + piece.toString('latin1', Math.max(0, piece.length - 32))).slice(-32);
      if (tail.trimEnd().endsWith(endTag)) {
        finish();
      }
    });
    body.on('end', finish);
    body.on('error', reject);
  });
}

/** `undefined` for what S3 does not write: an error in a 200, CDATA, comments. The SDK judges these. */
export function tryParsePage(document: string): ListPage | undefined {
  const start = document.indexOf('<ListBucketResult');
  if (start < 0 || document.includes('<!') || !document.trimEnd().endsWith(endTag)) {
    return undefined;
  }
  const keys: string[] = [];
  const folders: string[] = [];
  let isTruncated = false;
  let nextToken: string | undefined;
  const elements =
    /<(Key|CommonPrefixes|IsTruncated|NextContinuationToken)>(?:\s*<Prefix>)?([^<]*)</g;
  for (const [, name, raw = ''] of document.slice(start).matchAll(elements)) {
    const text = raw.includes('&') ? unescaped(raw) : raw;
    if (name === 'Key') {
      keys.push(text);
    } else if (name === 'CommonPrefixes') {
      folders.push(text);
    } else if (name === 'IsTruncated') {
      isTruncated = text === 'true';
    } else {
      nextToken = text;
    }
  }
  return { keys, folders, isTruncated, nextToken };
}

const entities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};

function unescaped(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (name !== undefined) {
      return entities[name] ?? whole;
    }
    return String.fromCodePoint(
      hex === undefined ? Number(decimal) : Number.parseInt(hex as string, 16),
    );
  });
}
