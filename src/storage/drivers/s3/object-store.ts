/**
 * S3 calls as the other files of this driver need them: keys in, plain values out, the bucket and the object headers
 * filled in. Throws what the SDK throws; driver.ts and writer.ts translate.
 */

import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListPartsCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import {
  failureOf,
  isMissing,
  isPastEnd,
  isTransient,
  isUploadGone,
  silentCode,
} from './errors.ts';
import { maxPartBytes, mebibyte, type S3Settings } from './settings.ts';
import type { UploadedPart } from './upload-state.ts';

export const objectContentType = 'application/octet-stream';

/** Larger contents take S3 long to take in. */
const smallPutBytes = mebibyte;
const defaultCopyThresholdBytes = 32 * mebibyte;
/** Ceph's ids are those of Swift, followed by the gateway's number and its zone. */
const cephRequestId = /^tx[0-9a-f]{21}-[0-9a-f]{10}-[0-9a-f]+-./;

export interface ObjectFacts {
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  readonly etag: string;
}

/** What must be there for a put to be done: nothing, or the object of this ETag. */
export type PutCondition = Pick<PutObjectCommandInput, 'IfMatch' | 'IfNoneMatch'>;

/** The class, ACL and encryption headers, typed as the SDK's inputs want them. */
export type WriteHeaders = Pick<
  PutObjectCommandInput,
  'ACL' | 'StorageClass' | 'ServerSideEncryption' | 'SSEKMSKeyId' | 'ContentType'
>;

export class ObjectStore {
  readonly client: S3Client;
  /** For calls that S3 may think about for minutes; see createClients. */
  readonly patient: S3Client;
  readonly settings: S3Settings;
  readonly writeHeaders: WriteHeaders;
  readonly #downloads: S3Client;
  #isCeph = false;

  /** The clients that are left out are `client`. */
  constructor(
    client: S3Client,
    settings: S3Settings,
    others: { readonly patient?: S3Client; readonly downloads?: S3Client } = {},
  ) {
    this.client = client;
    this.patient = others.patient ?? client;
    this.#downloads = others.downloads ?? client;
    this.settings = settings;
    this.writeHeaders = {
      ContentType: objectContentType,
      ...(settings.objectHeaders as Omit<WriteHeaders, 'ContentType'>),
    };
  }

  get bucket(): string {
    return this.settings.bucket;
  }

  /**
   * Larger objects are copied in parts, as Distribution does from 32 MiB on. Ceph copies in one request by sharing the
   * data, whatever its size, but moves every byte of a part through the gateway: more than half of its work for a large
   * push (bench/s3.ts).
   */
  get copyThresholdBytes(): number {
    return (
      this.settings.copyThresholdBytes ?? (this.#isCeph ? maxPartBytes : defaultCopyThresholdBytes)
    );
  }

  /** @returns the object's ETag, if the service tells one */
  async put(
    key: string,
    content: Uint8Array,
    condition: PutCondition = {},
  ): Promise<string | undefined> {
    const client = content.byteLength > smallPutBytes ? this.patient : this.client;
    const output = await client.send(
      new PutObjectCommand({
        Bucket: this.bucket,
        Key: key,
        Body: content,
        ContentLength: content.byteLength,
        ...condition,
        ...this.writeHeaders,
      }),
    );
    return output.ETag;
  }

  /** The object, or the given range of it, empty past the end. A cut in the middle is tried again as a whole. */
  async tryGet(key: string, range?: string): Promise<Buffer | undefined> {
    return (await this.tryGetTagged(key, range))?.bytes;
  }

  /** As `tryGet`, with the ETag that the service tells. */
  async tryGetTagged(
    key: string,
    range?: string,
  ): Promise<{ readonly bytes: Buffer; readonly etag?: string } | undefined> {
    for (let triesLeft = 3; ; triesLeft -= 1) {
      try {
        const output = await this.client.send(this.#get(key, range));
        const bytes = (await output.Body?.transformToByteArray()) ?? new Uint8Array();
        return {
          bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
          ...(output.ETag !== undefined && { etag: output.ETag }),
        };
      } catch (error) {
        if (isMissing(error)) {
          return undefined;
        }
        if (isPastEnd(error)) {
          return { bytes: Buffer.alloc(0) };
        }
        // The SDK retries up to the response's headers only.
        const { code, status } = failureOf(error);
        if (triesLeft <= 1 || !isTransient(error) || code === silentCode || status !== undefined) {
          throw error;
        }
      }
    }
  }

  /** The caller reads the body to its end or destroys it. */
  getStream(
    key: string,
    range?: string,
    ifMatch?: string,
    signal?: AbortSignal,
  ): Promise<GetObjectCommandOutput> {
    return this.#downloads.send(this.#get(key, range, ifMatch), signal && { abortSignal: signal });
  }

  #get(key: string, range?: string, ifMatch?: string): GetObjectCommand {
    return new GetObjectCommand({
      Bucket: this.bucket,
      Key: key,
      ...(range !== undefined && { Range: range }),
      ...(ifMatch !== undefined && { IfMatch: ifMatch }),
    });
  }

  async tryHead(key: string, signal?: AbortSignal): Promise<ObjectFacts | undefined> {
    try {
      const command = new HeadObjectCommand({ Bucket: this.bucket, Key: key });
      // Options cost the SDK's cache of middlewares, even when there are none in them.
      const output = await (signal === undefined
        ? this.client.send(command)
        : this.client.send(command, { abortSignal: signal }));
      this.#learnServer(output);
      return {
        sizeBytes: output.ContentLength ?? 0,
        modifiedAtMs: output.LastModified?.getTime() ?? 0,
        etag: output.ETag ?? '',
      };
    } catch (error) {
      if (isMissing(error)) {
        return undefined;
      }
      // The answer to a HEAD has no body that tells why. Nothing but a token whose time is over makes ours a 400.
      throw failureOf(error).status === 400
        ? Object.assign(new Error('HEAD answered 400', { cause: error }), { name: 'ExpiredToken' })
        : error;
    }
  }

  async deleteOne(key: string): Promise<void> {
    await this.client.send(new DeleteObjectCommand({ Bucket: this.bucket, Key: key }));
  }

  async createUpload(key: string): Promise<string> {
    const output = await this.client.send(
      new CreateMultipartUploadCommand({ Bucket: this.bucket, Key: key, ...this.writeHeaders }),
    );
    if (output.UploadId === undefined) {
      throw new Error(`CreateMultipartUpload of ${key} gave no upload id`);
    }
    return output.UploadId;
  }

  async uploadPart(
    key: string,
    uploadId: string,
    number: number,
    bytes: Uint8Array,
  ): Promise<UploadedPart> {
    const output = await this.patient.send(
      new UploadPartCommand({
        Bucket: this.bucket,
        Key: key,
        UploadId: uploadId,
        PartNumber: number,
        Body: bytes,
        ContentLength: bytes.byteLength,
      }),
    );
    return { number, etag: output.ETag ?? '', sizeBytes: bytes.byteLength };
  }

  /**
   * Makes the parts an object. A failure whose cause may be a lost answer (the first try did succeed, the retry finds
   * no upload) is settled by looking at the object.
   */
  async completeUpload(
    key: string,
    uploadId: string,
    parts: readonly UploadedPart[],
  ): Promise<void> {
    const list: CompletedPart[] = parts.map((part) => ({
      PartNumber: part.number,
      ETag: part.etag,
    }));
    const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
    try {
      const output = await this.patient.send(
        new CompleteMultipartUploadCommand({
          Bucket: this.bucket,
          Key: key,
          UploadId: uploadId,
          MultipartUpload: { Parts: list },
        }),
      );
      this.#learnServer(output);
      if (output.ETag === undefined && !(await this.#isComplete(key, sizeBytes, parts.length))) {
        throw Object.assign(new Error('CompleteMultipartUpload gave no ETag'), {
          name: 'InternalError',
        });
      }
    } catch (error) {
      const mayHaveSucceeded = isUploadGone(error) || isTransient(error);
      if (!mayHaveSucceeded || !(await this.#isComplete(key, sizeBytes, parts.length))) {
        throw isUploadGone(error) ? error : ((await this.#goneReason(key, uploadId)) ?? error);
      }
    }
  }

  /** Each copy follows a HEAD or a completion, so it costs no call to know the server before. */
  #learnServer(output: { readonly $metadata: { readonly requestId?: string | undefined } }): void {
    this.#isCeph = cephRequestId.test(output.$metadata.requestId ?? '');
  }

  /** The ETag of a multipart object ends in its number of parts, on every server we know of. */
  async #isComplete(key: string, sizeBytes: number, partCount: number): Promise<boolean> {
    const facts = await this.tryHead(key);
    return (
      facts?.sizeBytes === sizeBytes && facts.etag.replaceAll('"', '').endsWith(`-${partCount}`)
    );
  }

  /** Ceph answers 500 to the completion of an upload that is gone, for ever: its list of parts tells. */
  async #goneReason(key: string, uploadId: string): Promise<unknown> {
    try {
      const at = { Bucket: this.bucket, Key: key, UploadId: uploadId };
      await this.client.send(new ListPartsCommand({ ...at, MaxParts: 1 }));
    } catch (error) {
      if (isUploadGone(error)) {
        return error;
      }
      // Whatever else is wrong now, the completion's own failure is the one to tell.
    }
    return undefined;
  }

  destroy(): void {
    this.client.destroy();
    this.patient.destroy();
    this.#downloads.destroy();
  }

  /** Drops the parts. An upload that is gone already is no failure. */
  async abortUpload(key: string, uploadId: string): Promise<void> {
    try {
      await this.patient.send(
        new AbortMultipartUploadCommand({ Bucket: this.bucket, Key: key, UploadId: uploadId }),
      );
    } catch (error) {
      if (!isUploadGone(error) && !isMissing(error)) {
        throw error;
      }
    }
  }
}
