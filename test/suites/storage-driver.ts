/**
 * Behaviour that every storage driver must show (src/storage/driver.ts), run by each driver's own test file.
 * A test works below folders it got from `space.folder()`; after each test these are removed and storage must be empty.
 */

import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import type { StorageDriver } from '../../src/storage/driver.ts';
import { checked } from '../../src/storage/wrap/checked.ts';
import { concurrencyTests } from './storage-driver/concurrency.ts';
import { contentTests } from './storage-driver/content.ts';
import { stepTests } from './storage-driver/steps.ts';
import { streamTests } from './storage-driver/streams.ts';
import { treeTests } from './storage-driver/tree.ts';
import { uploadTests } from './storage-driver/uploads.ts';

/** What a driver's test file hands in, made once per file. */
export interface DriverSetUp {
  readonly driver: StorageDriver;
  /** What is left in storage that no listing shows (temp files, unfinished uploads); must be empty after each test. */
  leftovers?(): Promise<readonly string[]>;
  /** Handles that are open now; the same before and after aborted reads. */
  openHandles?(): number;
  /** Removes the storage itself. */
  tearDown(): Promise<void>;
}

/** Differences between drivers, written down. */
export interface SuiteAbilities {
  /** Folders exist by themselves, also empty (object stores: only as part of a name). */
  readonly emptyFolders: boolean;
  /** A writer may go on with committed, non-empty content. */
  readonly appendsToCommitted: boolean;
  /** Size of the big chunks that appends are tested with: 10 MiB, or less where a service is slow. */
  readonly bigChunkBytes: number;
  /** Kinds of request that `redirectUrl` answers; the URLs are really fetched. */
  readonly redirectMethods: readonly ('GET' | 'HEAD')[];
}

/** What the groups of tests work with. */
export interface Space {
  readonly driver: StorageDriver;
  readonly setUp: DriverSetUp;
  readonly abilities: SuiteAbilities;
  /** A fresh top folder, removed after the test. */
  folder(): string;
}

/** Runs the whole suite; `skipped` says why it cannot run (no endpoint, say). */
export function storageDriverSuite(
  name: string,
  abilities: SuiteAbilities,
  make: () => Promise<DriverSetUp>,
  skipped?: string,
): void {
  const title = skipped === undefined ? name : `${name} (skipped: ${skipped})`;
  describe.skipIf(skipped !== undefined)(`storage driver ${title}`, () => {
    let setUp: DriverSetUp | undefined;
    let driver: StorageDriver | undefined;
    let count = 0;
    const folders: string[] = [];
    const space: Space = {
      abilities,
      get setUp(): DriverSetUp {
        return present(setUp);
      },
      get driver(): StorageDriver {
        return present(driver);
      },
      folder(): string {
        count += 1;
        folders.push(`/t${count}`);
        return `/t${count}`;
      },
    };

    beforeAll(async () => {
      setUp = await make();
      driver = checked(setUp.driver);
    });

    afterEach(async () => {
      for (const folder of folders.splice(0)) {
        if ((await space.driver.stat(folder)) !== undefined) {
          await space.driver.delete(folder);
        }
      }
      expect(await space.driver.list('/'), 'left in storage').toEqual([]);
      expect((await setUp?.leftovers?.()) ?? [], 'left behind the listing').toEqual([]);
    });

    afterAll(async () => {
      await driver?.close();
      await setUp?.tearDown();
    });

    contentTests(space);
    streamTests(space);
    uploadTests(space);
    treeTests(space);
    stepTests(space);
    concurrencyTests(space);
  });
}

function present<T>(value: T | undefined): T {
  if (value === undefined) {
    throw new Error('used outside a test');
  }
  return value;
}
