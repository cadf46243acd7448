/**
 * The kinds of storage: name in the `storage` section -> factory. Read by compose and by workers; a new driver is one
 * row. Drivers with heavy libraries load them only when chosen.
 */

import type { Logger } from '../../observe/logger.ts';
import type { StorageDriver } from '../driver.ts';
import { createFilesystemDriver } from './filesystem/driver.ts';
import type { FilesystemOptions } from './filesystem/options.ts';
import { probeRoot } from './filesystem/probe-root.ts';
import { createMemoryDriver } from './memory/driver.ts';
import type { S3Options } from './s3/options.ts';
import { fromPortable, type PortableS3Options, toPortable } from './s3/settings.ts';

/** How a worker thread makes its own instance: name, and options that survive structured clone. */
export interface PortableDriver {
  readonly name: string;
  readonly options: unknown;
}

interface DriverKind<Options, Portable = unknown> {
  /** Checks the service too, where that can be done: a wrong key or a missing bucket is told at start. */
  create(options: Options, logger: Logger): Promise<StorageDriver>;
  /** Secrets as plain text: for a worker's eyes only. */
  toPortable(options: Options): Portable;
  /** As `create`, in a worker: nothing is checked again. */
  open(portable: Portable): Promise<StorageDriver>;
}

const filesystem: DriverKind<FilesystemOptions, FilesystemOptions> = {
  create: async (options, logger) => {
    await probeRoot(options.rootdirectory, logger);
    return createFilesystemDriver(options);
  },
  toPortable: (options) => ({ ...options }),
  open: (options) => Promise.resolve(createFilesystemDriver(options)),
};

const inmemory: DriverKind<object> = {
  create: () => Promise.resolve(createMemoryDriver()),
  toPortable: () => ({}),
  open: () => Promise.reject(new TypeError('threads cannot share the inmemory driver')),
};

const s3: DriverKind<S3Options, PortableS3Options> = {
  create: async (options, logger) =>
    (await import('./s3/driver.ts')).createS3Driver(options, { logger }),
  toPortable,
  open: async (portable) =>
    (await import('./s3/driver.ts')).createS3Driver(fromPortable(portable), { probe: false }),
};

const kinds: { readonly [name: string]: DriverKind<never> } = { filesystem, inmemory, s3 };

/** @throws DriverError or CodedError with one line for the operator */
export function createDriver(
  name: string,
  options: unknown,
  logger: Logger,
): Promise<StorageDriver> {
  return kindOf(name).create(options as never, logger);
}

export function portableDriver(name: string, options: unknown): PortableDriver {
  return { name, options: kindOf(name).toPortable(options as never) };
}

export function openPortableDriver(portable: PortableDriver): Promise<StorageDriver> {
  return kindOf(portable.name).open(portable.options as never);
}

function kindOf(name: string): DriverKind<never> {
  const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (kind === undefined) {
    throw new TypeError(`StorageDriver not registered: ${name}`);
  }
  return kind;
}
