/** A real file descriptor to write logs to, read back as text. */

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface LogFile {
  readonly fd: number;
  text(): string;
  lines(): string[];
  remove(): void;
}

export function aLogFile(): LogFile {
  const folder = mkdtempSync(join(tmpdir(), 'log-file-'));
  const path = join(folder, 'log');
  const fd = openSync(path, 'a');
  const text = (): string => readFileSync(path, 'utf8');
  return {
    fd,
    text,
    lines: () => text().split('\n').slice(0, -1),
    remove: () => {
      closeSync(fd);
      rmSync(folder, { recursive: true });
    },
  };
}
