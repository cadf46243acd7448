import { expect, it } from 'vitest';
import { joinMetrics } from '../../../src/observe/join-metrics.ts';

it('gives each sample the number of its process, under one head per family', () => {
  const page = (value: number): string =>
    `# HELP a_total Help\n# TYPE a_total counter\na_total ${value}\n\n# HELP b B\n# TYPE b gauge\nb{x="{y} z"} ${value}\n`;
  expect(
    joinMetrics(
      new Map([
        [1, page(3)],
        [2, page(4)],
      ]),
    ),
  ).toBe(
    [
      '# HELP a_total Help',
      '# TYPE a_total counter',
      'a_total{process="1"} 3',
      'a_total{process="2"} 4',
      '',
      '# HELP b B',
      '# TYPE b gauge',
      'b{process="1",x="{y} z"} 3',
      'b{process="2",x="{y} z"} 4',
      '',
    ].join('\n'),
  );
});

it('keeps a family that only a later process has', () => {
  const later = '# HELP c C\n# TYPE c counter\nc 1\n';
  expect(
    joinMetrics(
      new Map([
        [1, ''],
        [2, later],
      ]),
    ),
  ).toBe('# HELP c C\n# TYPE c counter\nc{process="2"} 1\n');
});
