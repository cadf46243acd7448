import { describe, expect, it } from 'vitest';
import { noTracer, type SpanAttributes, type Tracer } from '../../../../src/observe/tracing.ts';
import { createMemoryDriver } from '../../../../src/storage/drivers/memory/driver.ts';
import { traced } from '../../../../src/storage/wrap/traced.ts';
import { storageDriverSuite } from '../../../suites/storage-driver.ts';

/** Notes spans instead of sending them: what is judged here is their names and attributes, not their way out. */
function notingTracer(): Tracer & { readonly spans: [string, SpanAttributes][] } {
  const spans: [string, SpanAttributes][] = [];
  return {
    ...noTracer,
    isOn: true,
    spans,
    span(name, attributes, fn) {
      spans.push([name, attributes]);
      return fn({ setAttribute() {}, traceId: '' });
    },
  };
}

storageDriverSuite(
  'inmemory behind spans',
  {
    emptyFolders: true,
    appendsToCommitted: true,
    bigChunkBytes: 1024 * 1024,
    redirectMethods: [],
  },
  async () => ({
    driver: traced(createMemoryDriver(), notingTracer()),
    tearDown: async () => {},
  }),
);

describe('traced', () => {
  it('is the driver itself when tracing is off', () => {
    const driver = createMemoryDriver();
    expect(traced(driver, noTracer)).toBe(driver);
  });

  it('names spans and attributes as Distribution does', async () => {
    const tracer = notingTracer();
    const driver = traced(createMemoryDriver(), tracer);
    await driver.put('/a', 'four');
    await driver.open('/a', { offset: 2 });
    await driver.move('/a', '/b');
    await driver.openWriter('/c', { append: false });
    const name = { 'io.cncf.distribution.storage.driver.name': 'inmemory' };
    expect(tracer.spans).toEqual([
      [
        'PutContent',
        {
          ...name,
          'io.cncf.distribution.storage.path': '/a',
          'io.cncf.distribution.storage.content.length': 4,
        },
      ],
      [
        'Reader',
        {
          ...name,
          'io.cncf.distribution.storage.path': '/a',
          'io.cncf.distribution.storage.offset': 2,
        },
      ],
      [
        'Move',
        {
          ...name,
          'io.cncf.distribution.storage.source.path': '/a',
          'io.cncf.distribution.storage.dest.path': '/b',
        },
      ],
      [
        'Writer',
        {
          ...name,
          'io.cncf.distribution.storage.path': '/c',
          'io.cncf.distribution.storage.append': false,
        },
      ],
    ]);
  });
});
