/** Which clients are inside AWS, by the list of ranges that AWS publishes; fetched at start and from time to time. */

import { errorText } from '../../errors.ts';
import type { Logger } from '../../observe/logger.ts';
import { maskedUrl } from '../../options/masked-url.ts';
import { followRedirects, sendOnce, webRequest } from '../../web-request.ts';
import { AddressRanges } from './address-ranges.ts';

export interface AwsAddressesOptions {
  readonly url: string;
  readonly updateMs: number;
  /** Only ranges of these regions; `undefined` = all. Lower case. */
  readonly regions: ReadonlySet<string> | undefined;
}

interface RangesDocument {
  readonly prefixes?: readonly { readonly ip_prefix?: string; readonly region?: string }[];
  readonly ipv6_prefixes?: readonly { readonly ipv6_prefix?: string; readonly region?: string }[];
}

const fetchTimeoutMs = 30_000;
/** The real one has 2 MB. */
const maxDocumentBytes = 64 * 1024 * 1024;
const longestTimerMs = 2 ** 31 - 1;

export class AwsAddresses {
  readonly #options: AwsAddressesOptions;
  readonly #logger: Logger;
  readonly #stopped = new AbortController();
  #ranges = new AddressRanges([]);
  #timer: NodeJS.Timeout | undefined;

  constructor(options: AwsAddressesOptions, logger: Logger) {
    this.#options = options;
    this.#logger = logger;
  }

  /** Starts to fetch; until the list is there no address is inside. */
  start(): void {
    void this.#update();
    const everyMs = Math.min(longestTimerMs, Math.max(1000, this.#options.updateMs));
    this.#timer = setInterval(() => void this.#update(), everyMs).unref();
  }

  has(address: string): boolean {
    return this.#ranges.has(address);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#stopped.abort();
  }

  async #update(): Promise<void> {
    const { url } = this.#options;
    try {
      const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(fetchTimeoutMs)]);
      this.#ranges = new AddressRanges(this.#cidrs(await fetchJson(url, signal)));
    } catch (error) {
      if (!this.#stopped.signal.aborted) {
        this.#logger.warn('cloudfront: the IP ranges could not be fetched, the last ones stay', {
          url: maskedUrl(url),
          error: errorText(error),
        });
      }
    }
  }

  #cidrs({ prefixes = [], ipv6_prefixes = [] }: RangesDocument): string[] {
    const { regions } = this.#options;
    return [
      ...prefixes.map(({ ip_prefix, region }) => ({ cidr: ip_prefix, region })),
      ...ipv6_prefixes.map(({ ipv6_prefix, region }) => ({ cidr: ipv6_prefix, region })),
    ].flatMap(({ cidr, region }) =>
      cidr !== undefined && (regions?.has(region?.toLowerCase() ?? '') ?? true) ? [cidr] : [],
    );
  }
}

async function fetchJson(url: string, signal: AbortSignal): Promise<RangesDocument> {
  const response = await followRedirects(webRequest(url, 'GET'), (request) =>
    sendOnce(request, { agent: false, signal }),
  );
  const { statusCode = 0 } = response;
  if (statusCode < 200 || statusCode > 299) {
    response.destroy();
    throw new Error(`status ${statusCode}`);
  }
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const piece of response as AsyncIterable<Uint8Array>) {
    sizeBytes += piece.length;
    if (sizeBytes > maxDocumentBytes) throw new Error(`more than ${maxDocumentBytes} bytes`);
    pieces.push(piece);
  }
  return JSON.parse(Buffer.concat(pieces).toString('utf8')) as RangesDocument;
}
