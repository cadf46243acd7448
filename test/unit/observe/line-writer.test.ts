import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs, { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LineWriter } from '../../../src/observe/line-writer.ts';
import { aLogFile, type LogFile } from '../../support/log-file.ts';

describe('LineWriter', () => {
  let file: LogFile;
  beforeEach(() => {
    file = aLogFile();
  });
  afterEach(() => file.remove());

  it('lets lines wait for company, then writes them in order', async () => {
    const writer = new LineWriter(file.fd, { flushAfterMs: 20 });
    writer.write('one\n');
    writer.write('two\n');
    expect(file.text()).toBe('');
    await vi.waitFor(() => expect(file.text()).toBe('one\ntwo\n'));
    await writer.close();
  });

  it('writes a full chunk without waiting for the timer', async () => {
    const writer = new LineWriter(file.fd, { flushAfterMs: 3_600_000, chunkBytes: 10 });
    writer.write('0123456789\n');
    await vi.waitFor(() => expect(file.text()).toBe('0123456789\n'));
    await writer.close();
  });

  it('close writes all that is pending and takes no more', async () => {
    const writer = new LineWriter(file.fd, { flushAfterMs: 3_600_000, chunkBytes: 64 });
    const lines = Array.from({ length: 500 }, (_, index) => `line ${index} ünï\n`);
    for (const line of lines) {
      writer.write(line);
    }
    await writer.close();
    writer.write('late\n');
    await writer.close();
    expect(file.text()).toBe(lines.join(''));
  });

  it('lines of several processes on one pipe stay whole', async () => {
    const module = new URL('../../../dist/src/observe/line-writer.js', import.meta.url).href;
    const script = `
      const { LineWriter } = await import(${JSON.stringify(module)});
      const writer = new LineWriter(1, { flushAfterMs: 1, sharesPipe: true });
      for (let n = 0; n < 20000; n += 1) writer.write(process.argv[1].repeat(40 + (n % 100)) + '\\n');
      await writer.close(60000);`;
    const run = (letter: string): string =>
      `'${process.execPath}' --input-type=module -e "$SCRIPT" ${letter}`;
    const shell = spawn('sh', ['-c', `${run('a')} & ${run('b')} & wait`], {
      env: { ...process.env, SCRIPT: script },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    // A reader that looks away for a while: only writers that wait in a full pipe can get in each other's way.
    setTimeout(() => shell.stdout.resume(), 1000);
    let text = '';
    const closed = once(shell, 'close');
    shell.stdout.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    shell.stdout.pause();
    await closed;
    const lines = text.trimEnd().split('\n');
    expect(lines).toHaveLength(40_000);
    expect(lines.filter((line) => !/^(?:a+|b+)$/.test(line))).toEqual([]);
  });

  it('flushSync has written when it returns', async () => {
    const writer = new LineWriter(file.fd, { flushAfterMs: 3_600_000 });
    writer.write('fatal\n');
    writer.flushSync();
    expect(file.text()).toBe('fatal\n');
    await writer.close();
  });

  it.each([false, true])(
    'writes bytes as it writes text, in order (a thread that may wait: %s)',
    async (mayWait) => {
      const writer = new LineWriter(file.fd, { flushAfterMs: 3_600_000, chunkBytes: 64, mayWait });
      const lines = Array.from({ length: 500 }, (_, index) => 'ü'.repeat(index % 50) + index);
      for (const [index, line] of lines.entries()) {
        if (index % 2 === 0) {
          writer.write(`${line}\n`);
        } else {
          writer.writeBytes(Buffer.from(`${line}\n`));
        }
      }
      await writer.drained();
      expect(file.lines()).toEqual(lines);
      writer.write('last\n');
      await writer.close();
      expect(file.lines().at(-1)).toBe('last');
    },
  );

  it('has written a full chunk when it returns, on a thread that may wait', async () => {
    const writer = new LineWriter(file.fd, {
      flushAfterMs: 3_600_000,
      chunkBytes: 10,
      mayWait: true,
    });
    writer.write('12345678\n');
    expect(file.text()).toBe('');
    writer.write('more\n');
    expect(file.text()).toBe('12345678\n');
    await writer.close();
    expect(file.text()).toBe('12345678\nmore\n');
  });

  it('catches up with all that had to wait, in the smallest writes', async () => {
    const writer = new LineWriter(file.fd, {
      flushAfterMs: 3_600_000,
      isHeld: true,
      mayWait: true,
      sharesPipe: true,
    });
    const line = `${'x'.repeat(2000)}\n`;
    const count = 2000;
    for (let written = 0; written < count; written += 1) {
      writer.write(line);
    }
    expect(file.text()).toBe('');
    writer.release();
    await writer.drained();
    expect(writer.droppedLines).toBe(0);
    expect(file.text()).toBe(line.repeat(count));
    await writer.close();
  });

  it('leaves a disk that makes it wait to the thread pool', async () => {
    const here = vi.spyOn(fs, 'writevSync');
    const inPool = vi.spyOn(fs, 'writev');
    const clock = vi.spyOn(performance, 'now');
    syncBuiltinESMExports();
    try {
      for (const atMs of [0, 100]) {
        clock.mockReturnValueOnce(atMs);
      }
      const writer = new LineWriter(file.fd, {
        flushAfterMs: 3_600_000,
        chunkBytes: 10,
        mayWait: true,
      });
      writer.write('12345678\n');
      writer.write('87654321\n');
      expect([here.mock.calls.length, inPool.mock.calls.length]).toEqual([1, 0]);
      writer.write('abcdefgh\n');
      expect([here.mock.calls.length, inPool.mock.calls.length]).toEqual([1, 1]);
      await writer.close();
      expect(file.text()).toBe('12345678\n87654321\nabcdefgh\n');
    } finally {
      vi.restoreAllMocks();
      syncBuiltinESMExports();
    }
  });

  it('leaves no exit listener behind', async () => {
    const before = process.listenerCount('exit');
    const writer = new LineWriter(file.fd, { flushAfterMs: 20 });
    expect(process.listenerCount('exit')).toBe(before + 1);
    await writer.close();
    expect(process.listenerCount('exit')).toBe(before);
  });
});

describe('LineWriter on a pipe', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'log-pipe-'));
    path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('goes on silently when the reader is gone', async () => {
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    closeSync(reader);
    const writer = new LineWriter(fd, { flushAfterMs: 3_600_000 });
    writer.write('to nobody\n');
    await writer.close();
    const second = new LineWriter(fd, { flushAfterMs: 3_600_000 });
    second.write('to nobody\n');
    second.flushSync();
    await second.close();
    closeSync(fd);
  });

  it('drops and counts lines beyond its bound, loses no other, and tells once output flows', async () => {
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const line = `${'x'.repeat(999)}\n`;
    let reported: (lines: number) => void = () => {};
    const report = new Promise<number>((resolve) => {
      reported = resolve;
    });
    const writer = new LineWriter(fd, {
      flushAfterMs: 5,
      limitBytes: 100_000,
      onDropped: (lines) => reported(lines),
    });
    const total = 1000;
    for (let count = 0; count < total; count += 1) {
      writer.write(line);
    }
    expect(writer.droppedLines).toBeGreaterThan(0);

    const reader = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'inherit'] });
    let readBytes = 0;
    reader.stdout.on('data', (piece: Buffer) => {
      readBytes += piece.length;
    });
    expect(await report).toBe(writer.droppedLines);
    await writer.close();
    closeSync(fd);
    await once(reader, 'close');
    expect(readBytes).toBe((total - writer.droppedLines) * line.length);
  });

  it('waits for no reader, even on a thread that may wait for a disk', async () => {
    const fd = openSync(path, constants.O_RDWR);
    const writer = new LineWriter(fd, { flushAfterMs: 5, mayWait: true });
    writer.write(`${'x'.repeat(200_000)}\n`);
    const reader = spawn('head', ['-c', '200001', path], { stdio: ['ignore', 'pipe', 'inherit'] });
    reader.stdout.resume();
    await writer.close();
    closeSync(fd);
    await once(reader, 'close');
  });

  it('close gives up on a reader that stands still', async () => {
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const writer = new LineWriter(fd, { flushAfterMs: 5 });
    writer.write(`${'x'.repeat(200_000)}\n`);
    await writer.close(50);
    closeSync(fd);
  });
});
