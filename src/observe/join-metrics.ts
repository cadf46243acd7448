/**
 * Joins metrics pages of several processes into one, by the text format alone. Each sample gets a `process` label, so
 * that counters of a process that was started again are seen to reset; sums are for the query (`sum without (process)`).
 */

interface Family {
  /** Its HELP and TYPE lines. */
  readonly head: string[];
  readonly samples: string[];
}

/** @param pages  Number of the process -> its page in Prometheus' text format. */
export function joinMetrics(pages: ReadonlyMap<number, string>): string {
  const families = new Map<string, Family>();
  for (const [number, page] of pages) {
    addPage(families, page, number);
  }
  const blocks = [...families.values()].map(({ head, samples }) =>
    [...head, ...samples].join('\n'),
  );
  return `${blocks.join('\n\n')}\n`;
}

function addPage(families: Map<string, Family>, page: string, number: number): void {
  let current: Family | undefined;
  const seen = new Set<string>();
  for (const line of page.split('\n')) {
    const [, name] = /^# (?:HELP|TYPE) (\S+)/.exec(line) ?? [];
    if (name !== undefined) {
      const known = families.get(name);
      if (known === undefined) {
        current = { head: [line], samples: [] };
        families.set(name, current);
        seen.add(name);
      } else {
        current = known;
        // A family that an earlier page began has its head already.
        if (seen.has(name)) known.head.push(line);
      }
    } else if (line !== '' && !line.startsWith('#')) {
      current?.samples.push(labelled(line, number));
    }
  }
}

/** `name{a="b"} 1` or `name 1`: the label goes first, so that braces in values need no look. */
function labelled(sample: string, number: number): string {
  const label = `process="${number}"`;
  const end = sample.search(/[{ ]/);
  const name = sample.slice(0, end);
  return sample[end] === '{'
    ? `${name}{${label},${sample.slice(end + 1)}`
    : `${name}{${label}}${sample.slice(end)}`;
}
