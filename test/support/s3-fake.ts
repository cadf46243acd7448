/**
 * A small S3 server in the test's process, for what no real server does on demand: faults at a chosen call, R2's rule of
 * equal parts, refused checksums and batches, forgetful listings, tiny pages, and a record of every call. Path style,
 * no signature check (radosgw.ts is the real server). Not complete: it knows the calls of the s3 driver.
 */

import { createHash, randomUUID } from 'node:crypto';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export type S3Call =
  | 'ListObjectsV2'
  | 'GetObject'
  | 'HeadObject'
  | 'PutObject'
  | 'CopyObject'
  | 'DeleteObject'
  | 'DeleteObjects'
  | 'CreateMultipartUpload'
  | 'UploadPart'
  | 'UploadPartCopy'
  | 'CompleteMultipartUpload'
  | 'AbortMultipartUpload'
  | 'ListParts'
  | 'ListMultipartUploads';

export interface RecordedCall {
  readonly call: S3Call;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly bodyBytes: number;
  readonly atMs: number;
}

/** What goes wrong with the calls it is planned for. */
export type Fault =
  | { readonly kind: 'error'; readonly status: number; readonly code: string }
  /** The connection ends while the request's body arrives; nothing is stored. */
  | { readonly kind: 'cut request' }
  /** The connection ends after so many bytes of the answer's body. */
  | { readonly kind: 'cut response'; readonly afterBytes: number }
  /** All of the answer's body arrives, the word that it was all does not. */
  | { readonly kind: 'held end' }
  /** The call is carried out, its answer never arrives. */
  | { readonly kind: 'lost answer' }
  /** The call is heard and never answered; its connection stays open. */
  | { readonly kind: 'silence' }
  /** The answer takes its time. */
  | { readonly kind: 'late answer'; readonly afterMs: number }
  /** Status 200, the body an error. */
  | { readonly kind: 'error in 200'; readonly code: string }
  /** DeleteObjects answers 200 but keeps keys that match. */
  | { readonly kind: 'key errors'; readonly code: string; readonly keys: RegExp };

export interface FakeRules {
  /** R2: all parts but the last have the same length. */
  equalParts?: boolean;
  /** Any x-amz-checksum or x-amz-sdk-checksum header: 501. */
  refusesChecksums?: boolean;
  /** DeleteObjects: 501. */
  refusesBatches?: boolean;
  /** Conditional puts are answered as AWS did before it had them. */
  refusesConditions?: boolean;
  /** As Ceph: the ETag of `If-Match` is wanted without its quotes. */
  comparesBareEtags?: boolean;
  /** DeleteObjects without a right Content-MD5: 400. */
  demandsContentMd5?: boolean;
  /** ListMultipartUploads shows nothing. */
  forgetsUploads?: boolean;
  /** Largest page of any listing. */
  pageSize?: number;
  /** Its clock; requests signed more than a quarter of an hour from it are refused. */
  clockAheadMs?: number;
  /** Access keys whose time is over. */
  expiredKeys?: ReadonlySet<string>;
  /** As Ceph: CompleteMultipartUpload of an upload that is gone is a 500. */
  goneUploadsFail?: boolean;
  /** Request ids as Ceph makes them. */
  cephIds?: boolean;
}

interface StoredObject {
  readonly body: Buffer;
  readonly etag: string;
  readonly modifiedAt: Date;
}

interface StoredUpload {
  readonly key: string;
  readonly initiatedAt: Date;
  readonly parts: Map<number, { body: Buffer; etag: string }>;
}

interface Exchange {
  readonly call: S3Call;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

const minPartBytes = 5 * 1024 * 1024;
const maxSkewMs = 15 * 60_000;

/** Objects by key, with the keys at hand in the order that listings want. */
class Objects extends Map<string, StoredObject> {
  #sorted: string[] | undefined;

  get sortedKeys(): readonly string[] {
    this.#sorted ??= [...this.keys()].sort(byteOrder);
    return this.#sorted;
  }

  /** Place of the first key that is not before `key`. */
  placeOf(key: string): number {
    const keys = this.sortedKeys;
    let low = 0;
    for (let high = keys.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (byteOrder(keys[middle] ?? '', key) < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  override set(key: string, object: StoredObject): this {
    if (!this.has(key)) {
      this.#sorted = undefined;
    }
    return super.set(key, object);
  }

  override delete(key: string): boolean {
    this.#sorted = undefined;
    return super.delete(key);
  }

  override clear(): void {
    this.#sorted = undefined;
    super.clear();
  }
}

export class S3Fake {
  readonly objects = new Objects();
  readonly uploads = new Map<string, StoredUpload>();
  readonly calls: RecordedCall[] = [];
  readonly rules: FakeRules;
  readonly #plans: { call: S3Call; skip: number; times: number; fault: Fault }[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #deaf = new WeakSet<Socket>();

  private constructor(rules: FakeRules) {
    this.rules = rules;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => request.destroy());
    });
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(rules: FakeRules = {}): Promise<S3Fake> {
    const fake = new S3Fake(rules);
    await new Promise<void>((resolve) => fake.#server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** The next `times` calls of this kind fail, after `skip` that do not. */
  plan(call: S3Call, fault: Fault, times = 1, skip = 0): void {
    this.#plans.push({ call, fault, times, skip });
  }

  forgetPlans(): void {
    this.#plans.length = 0;
  }

  /** The connections of now stay open, and nothing that comes over them is answered: a firewall has forgotten them. */
  forgetConnections(): void {
    for (const socket of this.#sockets) {
      this.#deaf.add(socket);
    }
  }

  count(call: S3Call): number {
    return this.calls.filter((recorded) => recorded.call === call).length;
  }

  forgetCalls(): void {
    this.calls.length = 0;
  }

  store(key: string, body: Buffer | string): void {
    const bytes = Buffer.from(body);
    this.objects.set(key, { body: bytes, etag: md5(bytes), modifiedAt: new Date() });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://fake');
    const [, , ...rest] = url.pathname.split('/');
    const key = rest.map(decodeURIComponent).join('/');
    const call = callOf(request, url.searchParams, key);
    const fault = this.#nextFault(call);
    if (fault?.kind === 'silence' || this.#deaf.has(request.socket)) {
      this.#record(call, key, url.searchParams, request.headers, 0);
      request.resume();
      return;
    }
    if (fault?.kind === 'cut request') {
      this.#record(call, key, url.searchParams, request.headers, 0);
      request.once('data', () => request.socket.destroy());
      request.resume();
      return;
    }
    const pieces: Buffer[] = [];
    for await (const piece of request) {
      pieces.push(piece as Buffer);
    }
    const body = Buffer.concat(pieces);
    this.#record(call, key, url.searchParams, request.headers, body.byteLength);
    const exchange = { call, key, query: url.searchParams, headers: request.headers, body };
    const answer = this.#answer(exchange, fault);
    if (fault?.kind === 'lost answer') {
      request.socket.destroy();
      return;
    }
    if (fault?.kind === 'late answer') {
      await delay(fault.afterMs);
    }
    const content = Buffer.from(answer.body ?? '');
    response.writeHead(answer.status, {
      'x-amz-request-id': this.rules.cephIds
        ? 'tx000000fc3550c02fc0b49-006b0a9ac5-1017-default'
        : randomUUID(),
      date: new Date(Date.now() + (this.rules.clockAheadMs ?? 0)).toUTCString(),
      ...(request.method !== 'HEAD' &&
        fault?.kind !== 'held end' && { 'content-length': String(content.byteLength) }),
      ...answer.headers,
    });
    if (fault?.kind === 'cut response') {
      response.write(content.subarray(0, fault.afterBytes), () => request.socket.destroy());
      return;
    }
    if (fault?.kind === 'held end') {
      response.write(content);
      return;
    }
    response.end(request.method === 'HEAD' ? undefined : content);
  }

  #record(
    call: S3Call,
    key: string,
    query: URLSearchParams,
    headers: IncomingHttpHeaders,
    bodyBytes: number,
  ): void {
    this.calls.push({ call, key, query, headers, bodyBytes, atMs: performance.now() });
  }

  #nextFault(call: S3Call): Fault | undefined {
    const plan = this.#plans.find((candidate) => candidate.call === call && candidate.times > 0);
    if (plan === undefined) {
      return undefined;
    }
    if (plan.skip > 0) {
      plan.skip -= 1;
      return undefined;
    }
    plan.times -= 1;
    return plan.fault;
  }

  #answer(exchange: Exchange, fault: Fault | undefined): Answer {
    if (fault?.kind === 'error') {
      const answer = failure(fault.status, fault.code);
      // Clients set their clock by this header.
      const date = new Date(Date.now() + 3_600_000).toUTCString();
      return fault.code === 'RequestTimeTooSkewed'
        ? { ...answer, headers: { ...answer.headers, date } }
        : answer;
    }
    if (fault?.kind === 'error in 200') {
      return { ...failure(200, fault.code), status: 200 };
    }
    const refusal = this.#refusal(exchange.headers);
    if (refusal !== undefined) {
      return refusal;
    }
    const names = Object.keys(exchange.headers);
    if (this.rules.refusesChecksums && names.some((name) => /^x-amz-(sdk-)?checksum/.test(name))) {
      return failure(501, 'NotImplemented');
    }
    switch (exchange.call) {
      case 'ListObjectsV2':
        return this.#list(exchange.query);
      case 'GetObject':
      case 'HeadObject':
        return this.#read(exchange);
      case 'PutObject': {
        const refusal = this.#refusesPut(exchange);
        if (refusal === undefined) {
          this.store(exchange.key, exchange.body);
        }
        return refusal ?? { status: 200, headers: { etag: md5(exchange.body) } };
      }
      case 'CopyObject':
        return this.#copy(exchange);
      case 'DeleteObject':
        this.objects.delete(exchange.key);
        return { status: 204 };
      case 'DeleteObjects':
        return this.#deleteMany(exchange, fault);
      case 'ListMultipartUploads':
        return this.#listUploads(exchange.query);
      case 'CreateMultipartUpload': {
        const uploadId = randomUUID();
        this.uploads.set(uploadId, {
          key: exchange.key,
          initiatedAt: new Date(),
          parts: new Map(),
        });
        return xml(
          `<InitiateMultipartUploadResult><UploadId>${uploadId}</UploadId></InitiateMultipartUploadResult>`,
        );
      }
      default:
        return this.#onUpload(exchange);
    }
  }

  /** By what every request carries: when it was signed and with which key. */
  #refusal(headers: IncomingHttpHeaders): Answer | undefined {
    const accessKey = accessKeyOf(headers);
    if (accessKey !== undefined && this.rules.expiredKeys?.has(accessKey)) {
      return failure(400, 'ExpiredToken');
    }
    const { clockAheadMs } = this.rules;
    if (clockAheadMs === undefined) {
      return undefined;
    }
    const [, ...parts] =
      /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(String(headers['x-amz-date'])) ?? [];
    const [year = 0, month = 0, day, hour, minute, second] = parts.map(Number);
    const nowMs = Date.now() + clockAheadMs;
    const isFar =
      Math.abs(Date.UTC(year, month - 1, day, hour, minute, second) - nowMs) > maxSkewMs;
    const answer = failure(403, 'RequestTimeTooSkewed');
    const date = new Date(nowMs).toUTCString();
    return isFar ? { ...answer, headers: { ...answer.headers, date } } : undefined;
  }

  #list(query: URLSearchParams): Answer {
    const prefix = query.get('prefix') ?? '';
    const delimiter = query.get('delimiter') ?? '';
    const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
    const limit = Math.min(Number(query.get('max-keys') ?? 1000), this.rules.pageSize ?? 1000);
    const entries: string[] = [];
    let last = '';
    let isTruncated = false;
    const start = this.objects.placeOf(after.startsWith(prefix) ? after : prefix);
    for (const key of this.objects.sortedKeys.slice(start)) {
      if (!key.startsWith(prefix)) {
        break;
      }
      const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      const shown = cut < 0 ? key : key.slice(0, cut + 1);
      if (key <= after || shown === last || (cut >= 0 && after === shown)) {
        continue;
      }
      // As AWS: a token that names a common prefix has that whole prefix behind it.
      if (cut >= 0 && after.startsWith(shown) && query.has('continuation-token')) {
        continue;
      }
      if (entries.length >= limit) {
        isTruncated = true;
        break;
      }
      last = shown;
      const object = this.objects.get(key);
      entries.push(
        cut >= 0
          ? `<CommonPrefixes><Prefix>${escapeXml(shown)}</Prefix></CommonPrefixes>`
          : `<Contents><Key>${escapeXml(key)}</Key><Size>${object?.body.byteLength}</Size><LastModified>${object?.modifiedAt.toISOString()}</LastModified></Contents>`,
      );
    }
    const next = isTruncated
      ? `<NextContinuationToken>${escapeXml(last)}</NextContinuationToken>`
      : '';
    return xml(
      `<ListBucketResult><IsTruncated>${isTruncated}</IsTruncated>${next}${entries.join('')}</ListBucketResult>`,
    );
  }

  #read({ call, key, headers }: Exchange): Answer {
    const object = this.objects.get(key);
    if (object === undefined) {
      return call === 'HeadObject' ? { status: 404 } : failure(404, 'NoSuchKey');
    }
    if (headers['if-match'] !== undefined && headers['if-match'] !== object.etag) {
      return failure(412, 'PreconditionFailed');
    }
    const facts = { etag: object.etag, 'last-modified': object.modifiedAt.toUTCString() };
    const range = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '');
    const size = object.body.byteLength;
    if (range === null) {
      return {
        status: 200,
        headers: { ...facts, 'content-length': String(size) },
        body: object.body,
      };
    }
    const first = Number(range[1]);
    const last = Math.min(range[2] ? Number(range[2]) : size - 1, size - 1);
    return first >= size
      ? failure(416, 'InvalidRange')
      : {
          status: 206,
          headers: { ...facts, 'content-range': `bytes ${first}-${last}/${size}` },
          body: object.body.subarray(first, last + 1),
        };
  }

  /** What a put wants to be there, or not to be. */
  #refusesPut({ key, headers }: Exchange): Answer | undefined {
    const object = this.objects.get(key);
    const wanted = headers['if-match'];
    if (wanted === undefined && headers['if-none-match'] === undefined) {
      return undefined;
    }
    if (this.rules.refusesConditions) {
      return failure(501, 'NotImplemented');
    }
    if (wanted !== undefined && object === undefined) {
      return failure(404, 'NoSuchKey');
    }
    const etag = this.rules.comparesBareEtags ? object?.etag.replaceAll('"', '') : object?.etag;
    const isMet = wanted === undefined ? object === undefined : wanted === etag;
    return isMet ? undefined : failure(412, 'PreconditionFailed');
  }

  #copy({ key, headers }: Exchange): Answer {
    const source = this.#copySource(headers);
    if (source === undefined) {
      return failure(404, 'NoSuchKey');
    }
    this.store(key, source);
    return xml(`<CopyObjectResult><ETag>${escapeXml(md5(source))}</ETag></CopyObjectResult>`);
  }

  #copySource(headers: IncomingHttpHeaders): Buffer | undefined {
    const [, ...rest] = decodeURIComponent(String(headers['x-amz-copy-source'])).split('/');
    return this.objects.get(rest.join('/'))?.body;
  }

  #deleteMany({ body, headers }: Exchange, fault: Fault | undefined): Answer {
    if (this.rules.refusesBatches) {
      return failure(501, 'NotImplemented');
    }
    const digest = createHash('md5').update(body).digest('base64');
    if (this.rules.demandsContentMd5 && headers['content-md5'] !== digest) {
      return failure(400, 'MissingContentMD5');
    }
    const errors: string[] = [];
    for (const [, raw = ''] of body.toString().matchAll(/<Key>([^<]*)<\/Key>/g)) {
      const key = raw.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
      if (fault?.kind === 'key errors' && fault.keys.test(key)) {
        errors.push(`<Error><Key>${escapeXml(key)}</Key><Code>${fault.code}</Code></Error>`);
      } else {
        this.objects.delete(key);
      }
    }
    return xml(`<DeleteResult>${errors.join('')}</DeleteResult>`);
  }

  #listUploads(query: URLSearchParams): Answer {
    const prefix = query.get('prefix') ?? '';
    const keyMarker = query.get('key-marker') ?? '';
    // As S3: an upload-id marker that comes without a key marker is ignored.
    const idMarker = keyMarker === '' ? '' : (query.get('upload-id-marker') ?? '');
    const all = this.rules.forgetsUploads ? [] : [...this.uploads];
    const left = all
      .map(([uploadId, upload]) => ({ uploadId, ...upload }))
      .filter(({ key }) => key.startsWith(prefix))
      .sort((a, b) => byteOrder(a.key, b.key) || byteOrder(a.uploadId, b.uploadId))
      .filter(
        ({ key, uploadId }) =>
          key > keyMarker || (key === keyMarker && idMarker !== '' && uploadId > idMarker),
      );
    const page = left.slice(0, this.rules.pageSize ?? 1000);
    const last = page.at(-1);
    const uploads = page.map(
      ({ key, uploadId, initiatedAt }) =>
        `<Upload><Key>${escapeXml(key)}</Key><UploadId>${uploadId}</UploadId><Initiated>${initiatedAt.toISOString()}</Initiated></Upload>`,
    );
    const markers =
      left.length > page.length && last !== undefined
        ? `<NextKeyMarker>${escapeXml(last.key)}</NextKeyMarker><NextUploadIdMarker>${last.uploadId}</NextUploadIdMarker>`
        : '';
    return xml(
      `<ListMultipartUploadsResult><IsTruncated>${markers !== ''}</IsTruncated>${markers}${uploads.join('')}</ListMultipartUploadsResult>`,
    );
  }

  #onUpload(exchange: Exchange): Answer {
    const uploadId = exchange.query.get('uploadId') ?? '';
    const upload = this.uploads.get(uploadId);
    if (upload === undefined || upload.key !== exchange.key) {
      const isCompletion = exchange.call === 'CompleteMultipartUpload';
      return isCompletion && this.rules.goneUploadsFail
        ? failure(500, 'InternalError')
        : failure(404, 'NoSuchUpload');
    }
    const number = Number(exchange.query.get('partNumber'));
    switch (exchange.call) {
      case 'UploadPart':
        upload.parts.set(number, { body: exchange.body, etag: md5(exchange.body) });
        return { status: 200, headers: { etag: md5(exchange.body) } };
      case 'UploadPartCopy': {
        const source = this.#copySource(exchange.headers);
        const range = /^bytes=(\d+)-(\d+)$/.exec(
          String(exchange.headers['x-amz-copy-source-range']),
        );
        if (source === undefined || range === null) {
          return failure(404, 'NoSuchKey');
        }
        const body = source.subarray(Number(range[1]), Number(range[2]) + 1);
        upload.parts.set(number, { body, etag: md5(body) });
        return xml(`<CopyPartResult><ETag>${escapeXml(md5(body))}</ETag></CopyPartResult>`);
      }
      case 'ListParts':
        return this.#listParts(upload, exchange.query);
      case 'AbortMultipartUpload':
        this.uploads.delete(uploadId);
        return { status: 204 };
      default:
        return this.#complete(uploadId, upload, exchange.body.toString());
    }
  }

  #listParts(upload: StoredUpload, query: URLSearchParams): Answer {
    const marker = Number(query.get('part-number-marker') ?? 0);
    const left = [...upload.parts].sort(([a], [b]) => a - b).filter(([number]) => number > marker);
    const page = left.slice(0, this.rules.pageSize ?? 1000);
    const parts = page.map(
      ([number, part]) =>
        `<Part><PartNumber>${number}</PartNumber><ETag>${escapeXml(part.etag)}</ETag><Size>${part.body.byteLength}</Size></Part>`,
    );
    const next =
      left.length > page.length
        ? `<NextPartNumberMarker>${page.at(-1)?.[0]}</NextPartNumberMarker>`
        : '';
    return xml(
      `<ListPartsResult><IsTruncated>${next !== ''}</IsTruncated>${next}${parts.join('')}</ListPartsResult>`,
    );
  }

  #complete(uploadId: string, upload: StoredUpload, body: string): Answer {
    const numbers = [...body.matchAll(/<PartNumber>(\d+)<\/PartNumber>/g)].map((match) =>
      Number(match[1]),
    );
    const parts = numbers.map((number) => upload.parts.get(number)?.body);
    if (parts.length === 0 || parts.includes(undefined)) {
      return failure(400, 'InvalidPart');
    }
    const sizes = parts.slice(0, -1).map((part) => part?.byteLength ?? 0);
    if (sizes.some((size) => size < minPartBytes)) {
      return failure(400, 'EntityTooSmall');
    }
    if (
      this.rules.equalParts &&
      (new Set(sizes).size > 1 ||
        (parts.at(-1)?.byteLength ?? 0) > (sizes[0] ?? Number.POSITIVE_INFINITY))
    ) {
      return failure(400, 'InvalidPart');
    }
    const content = Buffer.concat(parts as Buffer[]);
    const etag = `"${randomUUID()}-${parts.length}"`;
    this.objects.set(upload.key, { body: content, etag, modifiedAt: new Date() });
    this.uploads.delete(uploadId);
    return xml(
      `<CompleteMultipartUploadResult><ETag>${escapeXml(etag)}</ETag></CompleteMultipartUploadResult>`,
    );
  }
}

export function accessKeyOf(headers: IncomingHttpHeaders): string | undefined {
  return /Credential=(\w+)/.exec(String(headers.authorization))?.[1];
}

function callOf(request: IncomingMessage, query: URLSearchParams, key: string): S3Call {
  const isCopy = request.headers['x-amz-copy-source'] !== undefined;
  switch (request.method) {
    case 'GET':
      if (query.has('uploads')) {
        return 'ListMultipartUploads';
      }
      return query.has('uploadId') ? 'ListParts' : key === '' ? 'ListObjectsV2' : 'GetObject';
    case 'HEAD':
      return 'HeadObject';
    case 'PUT':
      if (query.has('uploadId')) {
        return isCopy ? 'UploadPartCopy' : 'UploadPart';
      }
      return isCopy ? 'CopyObject' : 'PutObject';
    case 'DELETE':
      return query.has('uploadId') ? 'AbortMultipartUpload' : 'DeleteObject';
    default:
      if (query.has('delete')) {
        return 'DeleteObjects';
      }
      return query.has('uploads') ? 'CreateMultipartUpload' : 'CompleteMultipartUpload';
  }
}

function xml(body: string): Answer {
  return {
    status: 200,
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n${body}`,
  };
}

function failure(status: number, code: string): Answer {
  return { ...xml(`<Error><Code>${code}</Code><Message>planned</Message></Error>`), status };
}

function md5(bytes: Buffer): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`;
}

function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

function byteOrder(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
