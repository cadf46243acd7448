/** The reference page of every key, made from the schemas: config/REFERENCE.md, kept true by a test. */

import { formatGoDuration } from '../options/go-duration.ts';
import { flowText } from './print.ts';
import {
  isRequired,
  itemSchema,
  joinPath,
  type OptionSchema,
  propertiesOf,
  type Shape,
  shapeOf,
  wholeFile,
} from './schema.ts';

const introduction = `# Configuration reference

Made from the schemas in \`src/*/options.ts\`; change those, then run
\`npx vitest run --config test/vitest.config.ts test/unit/config/reference.test.ts -u\`.

- Durations are written as \`10s\`, \`1h30m\` or \`100ms\`; a bare number counts nanoseconds.
- Each key can be set by the environment variable beside it. Its value is YAML: \`[a, b]\` is a list, \`{a: b}\` a section.
  Elements of a list have their index in the name (\`_0\`); \`<NAME>\` stands for a name of your choice. Text with a \`#\`, or
  that begins with a sign, stands in quotes that are part of the value: \`REGISTRY_HTTP_SECRET='"#1 %2"'\`.
- A variable for a whole section replaces the section: \`REGISTRY_STORAGE=s3\` drops what the file has under \`storage\`.
- \`longshore config config.yml\` prints what is in effect and where each value came from; \`--strict\` refuses unknown keys.
`;

/** Markdown, one table per top-level section. */
export function renderReference(): string {
  const sections = propertiesOf(wholeFile).map(([key, schema]) => {
    const rows = rowsOf(
      key,
      schema,
      key,
      `REGISTRY_${key.toUpperCase()}`,
      isRequired(wholeFile, key),
    );
    return [
      `## ${key}`,
      '',
      ...(shapeOf(schema) === 'section' ? [schema.description ?? '', ''] : []),
      '| Key | Type | Default | Meaning | Variable |',
      '| --- | --- | --- | --- | --- |',
      ...rows,
      '',
    ].join('\n');
  });
  return [introduction, ...sections].join('\n');
}

function rowsOf(
  key: string,
  schema: OptionSchema,
  path: string,
  variable: string,
  required: boolean,
): string[] {
  const shape = shapeOf(schema);
  if (shape === 'section') {
    const own = path.includes('.') ? [row(path, schema, variable, false)] : [];
    return [...own, ...sectionRows(schema, path, variable)];
  }
  const item = itemSchema(schema);
  if ((shape === 'list' || shape === 'map') && shapeOf(item) === 'section') {
    const [suffix, part] = shape === 'list' ? ['[]', '0'] : ['.<name>', '<NAME>'];
    return [
      row(path, schema, variable, required),
      ...sectionRows(item, path + suffix, `${variable}_${part}`),
    ];
  }
  // The file's version cannot be changed from the environment: it is checked before.
  return [row(path, schema, key === 'version' ? '' : variable, required)];
}

function sectionRows(schema: OptionSchema, path: string, variable: string): string[] {
  return propertiesOf(schema).flatMap(([key, child]) =>
    rowsOf(
      key,
      child,
      joinPath(path, key),
      `${variable}_${key.toUpperCase()}`,
      isRequired(schema, key),
    ),
  );
}

function row(path: string, schema: OptionSchema, variable: string, required: boolean): string {
  const defaultText =
    schema.default === undefined
      ? required
        ? 'required'
        : ''
      : code(flowText(schema.default, schema));
  const meaning = [
    schema.description ?? '',
    ...(schema.deprecated === undefined ? [] : [`Deprecated: ${schema.deprecated}.`]),
    ...(schema.aliases === undefined ? [] : [`Also \`${schema.aliases.join('`, `')}\`.`]),
  ].join(' ');
  const cells = [
    code(path),
    typeText(schema),
    defaultText,
    meaning,
    variable === '' ? '' : code(variable),
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

const typeNames: Partial<Record<Shape, string>> = {
  string: 'text',
  secret: 'text, secret',
  looseBoolean: 'boolean',
  looseInteger: 'integer',
  any: 'anything',
};

function typeText(schema: OptionSchema): string {
  const shape = shapeOf(schema);
  if (shape === 'choice') return (schema['x-values'] ?? []).map(code).join(' ');
  if (shape === 'list') {
    const item = itemSchema(schema);
    return shapeOf(item) === 'section' ? 'list' : `list of ${typeText(item)}`;
  }
  if (shape === 'map') return `names with ${typeText(itemSchema(schema))}`;
  return [typeNames[shape] ?? shape, rangeText(schema)].filter((text) => text !== '').join(', ');
}

function rangeText({ minimum, maximum, minimumMs }: OptionSchema): string {
  const least = minimum ?? (minimumMs === undefined ? undefined : formatGoDuration(minimumMs));
  if (least !== undefined && maximum !== undefined) return `${least} to ${maximum}`;
  if (least !== undefined) return `at least ${least}`;
  return maximum === undefined ? '' : `at most ${maximum}`;
}

function code(text: string): string {
  return `\`${text}\``;
}
