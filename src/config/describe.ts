/** A section of the configuration as JSON, for `/debug/vars`: durations as written in YAML, secrets as `***`. */

import { formatGoDuration } from '../options/go-duration.ts';
import { type OptionSchema, propertiesOf, shapeOf } from './schema.ts';

/** Keys without a value are left out. Lists and maps are taken as they are, so they must not hold durations. */
export function describeSection(values: object, schema: OptionSchema): Record<string, unknown> {
  const described: Record<string, unknown> = {};
  for (const [key, property] of propertiesOf(schema)) {
    const value = (values as Record<string, unknown>)[key];
    if (value !== undefined) described[key] = describeValue(value, property);
  }
  return described;
}

function describeValue(value: unknown, schema: OptionSchema): unknown {
  switch (shapeOf(schema)) {
    case 'section':
      return describeSection(value as object, schema);
    case 'duration':
      return formatGoDuration(value as number);
    default:
      // A Secret gives its mask by itself.
      return value;
  }
}
