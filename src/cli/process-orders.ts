/** What the supervisor and the processes it started say to each other, over the channel that only they have. */

/** Everything a process needs to serve as one of several; the answer to its `ready`. */
export interface StartOrder {
  readonly kind: 'start';
  /** From 1. The first also does what is done once: it purges uploads and shows warnings. */
  readonly number: number;
  readonly count: number;
  /** The file as the supervisor read it: a process started later must not see an edited one. */
  readonly configPath: string;
  readonly configText: string;
  readonly strict: boolean;
  /** `HOST:PORT` that the supervisor found free, or the path of a unix socket; `undefined` = an inherited socket. */
  readonly address: string | undefined;
  /** Made by the supervisor when the configuration has no `http.secret`. */
  readonly httpSecret?: string;
  /** Where its debug server is to listen; absent when none is configured. */
  readonly debugSocket?: string;
  readonly showWarnings: boolean;
}

export type Order =
  | StartOrder
  /** Drain and end. May come more than once. */
  | { readonly kind: 'stop' }
  /** As SIGHUP. */
  | { readonly kind: 'reload' };

/** How a process ends is told by its exit code. */
export type Report =
  /** Its listener for orders is there: what is sent before is lost. */
  { readonly kind: 'ready' } | { readonly kind: 'listening'; readonly address: string };
