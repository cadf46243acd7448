/** Joins each room's own schema into the one of the whole file, and gives the rest of config/ a plain view of it. */

import type { Static } from 'typebox';
import { authOptions } from '../auth/options.ts';
import { httpOptions } from '../http/options.ts';
import { notificationsOptions } from '../notifications/options.ts';
import { healthOptions } from '../observe/health-options.ts';
import { loglevelOption, logOptions } from '../observe/log-options.ts';
import { type OptionKind, Type, text } from '../options/types.ts';
import { workersOptions } from '../pool/options.ts';
import { proxyOptions } from '../proxy/options.ts';
import {
  catalogOptions,
  policyOptions,
  tagsOptions,
  validationOptions,
} from '../registry/options.ts';
import { redisOptions } from '../storage/cache/redis-options.ts';
import { middlewareOptions } from '../storage/middleware-options.ts';
import { storageOptions } from '../storage/options.ts';

export const rootSchema = Type.Object({
  version: text({ description: 'Version of the file format: 0.1.' }),
  log: logOptions,
  loglevel: loglevelOption,
  storage: storageOptions,
  auth: authOptions,
  middleware: middlewareOptions,
  http: httpOptions,
  notifications: notificationsOptions,
  redis: redisOptions,
  health: healthOptions,
  proxy: proxyOptions,
  validation: validationOptions,
  policy: policyOptions,
  catalog: catalogOptions,
  tags: tagsOptions,
  workers: workersOptions,
});

/** The converted file before it is finished and frozen. */
export type Draft = Static<typeof rootSchema>;

/** The effective configuration: every key with a default is present; deep-frozen. */
export type Config = Readonly<Omit<Draft, 'loglevel'>>;

/** The parts of a TypeBox schema that loading, printing and documenting read. */
export interface OptionSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly deprecated?: string;
  readonly aliases?: readonly string[];
  readonly properties?: Readonly<Record<string, OptionSchema>>;
  readonly required?: readonly string[];
  readonly items?: OptionSchema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly multipleOf?: number;
  readonly minimumMs?: number;
  readonly 'x-kind'?: OptionKind;
  readonly 'x-values'?: readonly string[];
  readonly 'x-ignore-case'?: boolean;
  readonly 'x-pattern'?: boolean;
  readonly 'x-values-schema'?: OptionSchema;
}

export const wholeFile: OptionSchema = rootSchema as unknown as OptionSchema;

export type Shape = 'section' | 'list' | 'map' | OptionKind;

export function shapeOf(schema: OptionSchema): Shape {
  if (schema['x-kind'] !== undefined) return schema['x-kind'];
  if (schema['x-values-schema'] !== undefined) return 'map';
  return schema.type === 'array' ? 'list' : 'section';
}

export function propertiesOf(schema: OptionSchema): readonly (readonly [string, OptionSchema])[] {
  return Object.entries(schema.properties ?? {});
}

export function isRequired(schema: OptionSchema, key: string): boolean {
  return schema.required?.includes(key) ?? false;
}

/** What lists and maps hold. */
export function itemSchema(schema: OptionSchema): OptionSchema {
  return schema.items ?? schema['x-values-schema'] ?? { 'x-kind': 'any' };
}

export function joinPath(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

/** The keys of `storage` that name a driver, without aliases. */
export const driverKeys: readonly string[] = ['filesystem', 'inmemory', 's3', 'azure', 'gcs'];
