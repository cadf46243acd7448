/**
 * Bounds how many operations of a driver run at once, those on opened readers and writers included (`maxthreads`).
 * An operation may make a few calls side by side: an `apply` of three files counts as one.
 */

import type { StorageDriver } from '../driver.ts';
import { driverWith } from './around.ts';
import type { Gate } from './gate.ts';

export function limited(driver: StorageDriver, gate: Gate): StorageDriver {
  return driverWith(driver, (work) => gate.run(work));
}
