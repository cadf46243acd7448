/**
 * File systems in memory, where a sync does nothing: a power cut takes all of them. Asking the kernel for it all the same
 * wakes a thread each time, a third of what a small push costs there (bench/profiles/a-ci-push.ts).
 *
 * Only those that a root directory lies on are known, by the number of their device. Such numbers are given again after
 * an unmount, so each is believed for a second at most.
 */

import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Magic numbers of statfs(2), Linux. */
const memoryFileSystems: ReadonlySet<number> = new Set([
  0x01021994, // tmpfs
  0x858458f6, // ramfs
]);
const believedMs = 1_000;

interface Known {
  readonly root: string;
  lookedAtMs: number;
}

export class MemoryDevices {
  readonly #known: Map<number, Known> = new Map();

  /** Looks at what `root` lies on, or will lie on once it is made. */
  add(root: string): void {
    const dev = memoryDeviceOf(root);
    if (dev !== undefined) {
      this.#known.set(dev, { root, lookedAtMs: performance.now() });
    }
  }

  /** False, at no cost, where no root lies in memory. */
  get isEmpty(): boolean {
    return this.#known.size === 0;
  }

  has(dev: number): boolean {
    const known = this.#known.get(dev);
    if (known === undefined) {
      return false;
    }
    const nowMs = performance.now();
    if (nowMs - known.lookedAtMs > believedMs) {
      known.lookedAtMs = nowMs;
      if (memoryDeviceOf(known.root) !== dev) {
        this.#known.delete(dev);
        return false;
      }
    }
    return true;
  }
}

function memoryDeviceOf(root: string): number | undefined {
  for (let path = root; ; path = dirname(path)) {
    try {
      return memoryFileSystems.has(statfsSync(path).type) ? statSync(path).dev : undefined;
    } catch {
      // Not made yet, or not to be seen: then its parent tells, and what is wrong with it the first write.
      if (path === dirname(path)) {
        return undefined;
      }
    }
  }
}
