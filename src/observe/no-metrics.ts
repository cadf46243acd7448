/** Metrics that nobody reads. Apart from metrics.ts, whose library takes 4 MiB that a registry without them saves. */

import type { Metrics } from './metrics.ts';

/** With Prometheus disabled: the same face, and nothing behind it. */
export const noMetrics: Metrics = {
  isOn: false,
  requestStarted() {},
  requestFinished() {},
  storageAction() {},
  cacheRequest() {},
  cacheHit() {},
  cacheError() {},
  cacheOperation() {},
  uploadOpened() {},
  uploadClosed() {},
  watch() {},
};
