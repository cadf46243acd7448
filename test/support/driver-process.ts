/** A filesystem driver in a child process of its own, so that faults can be injected into its file calls. */

import { type ChildProcess, execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const project = new URL('../..', import.meta.url).pathname;
const childScript = new URL('../fault/driver-child.mjs', import.meta.url).pathname;

/** What the child threw: the fields of a driver error. */
export class ChildError extends Error {
  readonly code: string | undefined;
  readonly retryable: boolean | undefined;

  constructor(error: { message: string; code?: string; retryable?: boolean }) {
    super(error.message);
    this.code = error.code;
    this.retryable = error.retryable;
  }
}

/** Builds the driver into `folder`; returns the path of its module. */
export async function buildDriver(folder: string): Promise<string> {
  const outDir = join(folder, 'built');
  const config = join(folder, 'tsconfig.json');
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(project, 'tsconfig.json'),
      compilerOptions: {
        noCheck: true,
        declaration: false,
        isolatedDeclarations: false,
        types: [],
        rootDir: project,
        outDir,
      },
      include: [],
      files: [join(project, 'src/storage/drivers/filesystem/driver.ts')],
    }),
  );
  await promisify(execFile)(process.execPath, [
    join(project, 'node_modules/typescript/bin/tsc'),
    '-p',
    config,
  ]);
  writeFileSync(join(outDir, 'package.json'), '{"type":"module"}');
  symlinkSync(join(project, 'node_modules'), join(outDir, 'node_modules'));
  return join(outDir, 'src/storage/drivers/filesystem/driver.js');
}

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: { message: string; code?: string; retryable?: boolean };
}

export class DriverProcess {
  readonly #child: ChildProcess;
  readonly #waiting: Map<number, (answer: Answer) => void> = new Map();
  #nextId = 1;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (answer: Answer) => {
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
    child.on('exit', (code, signal) => {
      for (const [id, settle] of this.#waiting) {
        settle({ id, error: { message: `the child ended: ${code ?? signal}` } });
      }
      this.#waiting.clear();
    });
  }

  static async start(
    driverModule: string,
    root: string,
    env: Readonly<Record<string, string>>,
  ): Promise<DriverProcess> {
    const child = fork(childScript, [driverModule, root], {
      env: { ...process.env, ...env },
      execArgv: [],
      serialization: 'advanced',
    });
    await once(child, 'message');
    return new DriverProcess(child);
  }

  /** Calls a method of the driver, or of the reader or writer that an earlier call gave. */
  async call<T>(
    call: string,
    args: readonly unknown[] = [],
    on: Handle = driverHandle,
  ): Promise<T> {
    const id = this.#nextId;
    this.#nextId += 1;
    const answer = await new Promise<Answer>((settle) => {
      this.#waiting.set(id, settle);
      this.#child.send({ id, target: on.object, call, args });
    });
    if (answer.error !== undefined) {
      throw new ChildError(answer.error);
    }
    return answer.value as T;
  }

  /** The number of the next call, as `ack N` in the log names it. */
  get nextId(): number {
    return this.#nextId;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit');
      this.#child.kill('SIGKILL');
      await ended;
    }
  }
}

/** Names an object that lives in the child. */
export interface Handle {
  readonly object: number;
}

const driverHandle: Handle = { object: 0 };
