/** Rules of the `middleware` section: which names exist, and what options each takes. */

import { tryParseGoDuration } from '../../options/go-duration.ts';
import {
  type MiddlewareEntryOptions,
  storageMiddlewareSchemas,
} from '../../storage/middleware-options.ts';
import { convertSection } from '../convert.ts';
import { rawAt } from '../raw.ts';
import type { OptionSchema } from '../schema.ts';
import { suggestion } from '../suggest.ts';
import { isHttpUrl, type RuleContext } from './context.ts';

export function checkMiddleware(context: RuleContext): void {
  const { middleware } = context.draft;
  for (const hook of ['registry', 'repository', 'storage'] as const) {
    for (const [index, entry] of middleware[hook].entries()) {
      if (!entry.disabled) checkEntry(context, hook, entry, index);
    }
  }
}

function checkEntry(
  context: RuleContext,
  hook: 'registry' | 'repository' | 'storage',
  entry: MiddlewareEntryOptions,
  index: number,
): void {
  const path = `middleware.${hook}[${index}]`;
  const known = hook === 'storage' ? Object.keys(storageMiddlewareSchemas) : [];
  const schema = known.includes(entry.name) ? storageMiddlewareSchemas[entry.name] : undefined;
  if (schema === undefined) {
    if (entry.name === '') return;
    const message = `unable to configure ${hook} middleware (${entry.name}): no ${hook} middleware registered with name: ${entry.name}`;
    context.fault(`${path}.name`, message + suggestion(entry.name, known));
    return;
  }
  const list = rawAt(context.raw, 'middleware', hook);
  const raw = list?.kind === 'list' ? rawAt(list.items[index], 'options') : undefined;
  const options = convertSection(
    raw,
    schema as unknown as OptionSchema,
    `${path}.options`,
    context,
  );
  // What the middleware gets: converted, with defaults.
  entry.options = options;
  if (entry.name === 'redirect') checkBaseUrl(context, path, options['baseurl']);
  if (entry.name === 'cloudfront') checkCloudfront(context, path, options);
}

function checkBaseUrl(context: RuleContext, path: string, baseurl: unknown): void {
  if (typeof baseurl !== 'string' || baseurl === '' || isHttpUrl(baseurl)) return;
  context.fault(
    `${path}.options.baseurl`,
    'no scheme or host specified for redirect baseurl',
    baseurl,
  );
}

function checkCloudfront(
  context: RuleContext,
  path: string,
  options: Readonly<Record<string, unknown>>,
): void {
  for (const key of ['duration', 'updatefrequency']) {
    const value = options[key];
    if (typeof value !== 'string') {
      context.warn(
        `${path}.options.${key}`,
        'needs a unit such as 20m; the default is used',
        String(value),
      );
    } else if (tryParseGoDuration(value) === undefined) {
      context.fault(
        `${path}.options.${key}`,
        'invalid duration: must be such as 20m or 3000s',
        value,
      );
    }
  }
  if (options['ipfilteredby'] === 'awsregion' && options['awsregion'] === undefined) {
    context.fault(`${path}.options.awsregion`, 'awsRegion is not defined');
  }
  if (context.draft.storage.s3 === undefined) {
    context.warn(
      path,
      'cloudfront works with the s3 driver only; without it blobs come from the registry',
    );
  }
}
