/** What a handler is given of one request; made by dispatch.ts. */

import type { Grant } from '../auth/access.ts';
import type { RepositoryName } from '../oci/reference.ts';
import type { EventAction, EventTarget } from '../registry/events.ts';
import type { Api, Call } from './call.ts';
import type { Exchange } from './exchange.ts';
import { urlRoot } from './urls.ts';

/** The part of a request's progress that its handler reads and adds to. */
export interface CallProgress {
  readonly exchange: Exchange;
  readonly reference: string;
  digest: string | undefined;
  uploadId: string | undefined;
}

export interface CallEvent {
  readonly action: EventAction;
  readonly target: Omit<EventTarget, 'repository'>;
}

/**
 * A class, since an object literal with a getter gets a hidden class of its own each time:
 * that alone cost small requests a third of their rate in garbage collection (bench/profiles/f-pull.ts).
 */
export class RequestCall implements Call {
  readonly api: Api;
  readonly exchange: Exchange;
  readonly name: RepositoryName;
  readonly reference: string;
  readonly query: URLSearchParams;
  readonly grant: Grant;
  readonly isHead: boolean;
  readonly #progress: CallProgress;
  readonly #record: (event: CallEvent) => Promise<void> | void;
  #root: string | undefined;

  constructor(
    api: Api,
    progress: CallProgress,
    name: RepositoryName,
    query: URLSearchParams,
    grant: Grant,
    isHead: boolean,
    record: (event: CallEvent) => Promise<void> | void,
  ) {
    this.api = api;
    this.exchange = progress.exchange;
    this.name = name;
    this.reference = progress.reference;
    this.query = query;
    this.grant = grant;
    this.isHead = isHead;
    this.#progress = progress;
    this.#record = record;
  }

  get root(): string {
    this.#root ??= urlRoot(this.exchange, this.api.settings.urls);
    return this.#root;
  }

  notify(action: EventAction, target: Omit<EventTarget, 'repository'>): Promise<void> | void {
    return this.api.wantsEvents ? this.#record({ action, target }) : undefined;
  }

  note({ digest, uploadId }: { digest?: string; uploadId?: string }): void {
    this.#progress.digest = digest ?? this.#progress.digest;
    this.#progress.uploadId = uploadId ?? this.#progress.uploadId;
  }
}
