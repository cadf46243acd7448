/**
 * The kinds of storage: name in the `storage` section -> schema of its options and factory.
 * Read by config (schemas) and compose (factories); a new driver is one row.
 */

import type { TSchema } from 'typebox';
import { Type } from '../../options/types.ts';
import type { DriverFactory } from '../driver.ts';
import { createFilesystemDriver } from './filesystem/driver.ts';
import { type FilesystemOptions, filesystemOptions } from './filesystem/options.ts';
import { createMemoryDriver } from './memory/driver.ts';

export interface DriverKind<Options> {
  /** What `create` accepts, after config has converted and checked it. */
  readonly schema: TSchema;
  readonly create: DriverFactory<Options>;
}

const filesystem: DriverKind<FilesystemOptions> = {
  schema: filesystemOptions,
  create: createFilesystemDriver,
};

const inmemory: DriverKind<object> = {
  // Any parameters given are ignored, as in Distribution.
  schema: Type.Object({}, { description: 'In memory, lost at exit; for tests.' }),
  create: () => createMemoryDriver(),
};

export const driverKinds: {
  readonly filesystem: DriverKind<FilesystemOptions>;
  readonly inmemory: DriverKind<object>;
} = { filesystem, inmemory };
export type DriverName = keyof typeof driverKinds;
