/**
 * One request under way, as handlers see it: the exchange, what its path named, who asks. Made by dispatch.
 */

import type { Grant } from '../auth/access.ts';
import type { RepositoryName } from '../oci/reference.ts';
import type { RegistryContext } from '../registry/context.ts';
import type { EventAction, EventSink, EventTarget } from '../registry/events.ts';
import type { UploadSessions } from '../registry/upload-session.ts';
import type { UploadTokens } from '../registry/upload-token.ts';
import type { Exchange, Reply, ReplyHeaders } from './exchange.ts';
import type { UrlSettings } from './urls.ts';

/** What the HTTP room is set up with: config as handlers need it. */
export interface ApiSettings {
  readonly urls: UrlSettings;
  readonly uploadTokens: UploadTokens;
  /** `http.headers`. */
  readonly headers: ReplyHeaders;
  readonly isReadOnly: boolean;
  readonly redirectBlobs: boolean;
  /** `catalog.maxentries`. */
  readonly maxCatalogEntries: number;
  /** `tags.maxtags`. */
  readonly maxTags: number;
  /** `notifications.events.includereferences`. */
  readonly includeReferences: boolean;
}

export interface Api {
  readonly registry: RegistryContext;
  readonly uploads: UploadSessions;
  readonly settings: ApiSettings;
  /** JSON of long tag lists, while the registry keeps giving the same list. */
  readonly tagBodies: WeakMap<readonly string[], string>;
  readonly events: EventSink;
  /** Whether anybody listens to events, so that none need be made otherwise. */
  readonly wantsEvents: boolean;
}

export interface Call {
  readonly api: Api;
  readonly exchange: Exchange;
  /** Checked; only on routes with a name. */
  readonly name: RepositoryName;
  /** Tag, digest or upload id as decoded from the path; unchecked. */
  readonly reference: string;
  readonly query: URLSearchParams;
  readonly grant: Grant;
  /** Root of generated URLs. */
  readonly root: string;
  readonly isHead: boolean;
  /** Records what happened; resolves when the client may be told. */
  notify(action: EventAction, target: Omit<EventTarget, 'repository'>): Promise<void> | void;
  /** Notes for the request's log line. */
  note(facts: { digest?: string; uploadId?: string }): void;
}

export type Handler = (call: Call) => Promise<Reply> | Reply;
