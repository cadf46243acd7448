/**
 * `longshore serve` with several processes: this one starts them, starts dead ones again and passes signals on. It
 * serves no request itself. The kernel deals out connections: the node front ends accept from one socket, which
 * node:cluster shares among them; uWebSockets.js listens in each process (SO_REUSEPORT).
 */

import cluster from 'node:cluster';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import { errorText } from '../errors.ts';
import {
  activatedAddress,
  boundTcp,
  clearStaleSocket,
  listenFailure,
  parseListenAddress,
} from '../http/listen-address.ts';
import { createLogging, type Logging } from '../observe/create-logging.ts';
import { DebugGateway } from '../observe/debug-gateway.ts';
import type { Logger } from '../observe/logger.ts';
import { version } from '../version.ts';
import type { StartOrder } from './process-orders.ts';
import { ServingProcess } from './serving-process.ts';
import { ExitCode } from './usage.ts';

export interface SuperviseRequest {
  readonly config: Config;
  readonly configPath: string;
  readonly configText: string;
  readonly strict: boolean;
  readonly count: number;
}

/** Resolves with the exit code: the worst of the processes', once all have ended. */
export async function supervise(request: SuperviseRequest): Promise<number> {
  const logging = createLogging(request.config.log, { version, sharesOutput: true });
  let folder: string | undefined;
  try {
    const address = await reserveAddress(request.config);
    folder = await mkdtemp(join(tmpdir(), 'longshore-'));
    const supervisor = new Supervisor(request, { address, folder, logging });
    return await supervisor.run();
  } catch (error) {
    process.stderr.write(`longshore: ${errorText(error)}\n`);
    return ExitCode.failed;
  } finally {
    await logging.close();
    if (folder !== undefined) {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

class Supervisor {
  readonly #logger: Logger;
  readonly #processes: readonly ServingProcess[];
  readonly #debug: DebugGateway | undefined;
  readonly #debugAddr: string;
  #stopping: Promise<number> | undefined;

  constructor(
    request: SuperviseRequest,
    { address, folder, logging }: { address: string | undefined; folder: string; logging: Logging },
  ) {
    const { config, count } = request;
    this.#logger = logging.logger;
    const common = commonOrder(request, address, this.#logger);
    const hasDebug = config.http.debug.addr !== undefined;
    this.#debugAddr = config.http.debug.addr ?? '';
    this.#processes = Array.from(
      { length: count },
      (_, index) =>
        new ServingProcess(
          {
            ...common,
            number: index + 1,
            showWarnings: index === 0,
            ...(hasDebug ? { debugSocket: join(folder, `${index + 1}.sock`) } : {}),
          },
          this.#logger,
        ),
    );
    const { enabled, path } = config.http.debug.prometheus;
    this.#debug = hasDebug
      ? new DebugGateway({
          logger: this.#logger,
          processes: () => this.#processes,
          ...(enabled ? { metricsPath: path } : {}),
        })
      : undefined;
    // The default hands connections on one by one, and one that was under way to a process that dies hangs for ever.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    cluster.setupPrimary({ args: process.argv.slice(2) });
  }

  async run(): Promise<number> {
    const ended = new Promise<number>((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) {
        process.on(signal, () => resolve(this.#stop()));
      }
    });
    process.on('SIGHUP', () => {
      for (const one of this.#processes) one.reload();
    });
    const failed = this.#start().then(
      () => ended,
      async () => {
        const isWanted = this.#stopping !== undefined;
        const code = await (this.#stopping ?? this.#stopAll());
        return isWanted ? code : ExitCode.failed;
      },
    );
    const code = await Promise.race([ended, failed]);
    await this.#debug?.close();
    return code;
  }

  /** The first alone: what is made or found wrong at start is made and told once. */
  async #start(): Promise<void> {
    await this.#debug?.listen(this.#debugAddr).catch((error: unknown) => {
      process.stderr.write(`longshore: ${errorText(error)}\n`);
      throw error;
    });
    const [first, ...others] = this.#processes;
    const address = await first?.start();
    if (this.#stopping === undefined) {
      await Promise.all(others.map((one) => one.start()));
      this.#logger.info(`listening on ${address}`, { processes: this.#processes.length, version });
    }
  }

  /** At the second signal what still drains is cut. */
  #stop(): Promise<number> {
    if (this.#stopping === undefined) {
      this.#logger.info('stopping serving processes gracefully');
      this.#stopping = this.#stopAll();
    } else {
      for (const one of this.#processes) one.kill();
    }
    return this.#stopping;
  }

  async #stopAll(): Promise<number> {
    const codes = await Promise.all(this.#processes.map((one) => one.stop()));
    return Math.max(ExitCode.ok, ...codes);
  }
}

function commonOrder(
  { config, configPath, configText, count, strict }: SuperviseRequest,
  address: string | undefined,
  logger: Logger,
): Omit<StartOrder, 'number' | 'showWarnings'> {
  const { secret } = config.http;
  const isSecretGiven = secret !== undefined && !secret.isEmpty;
  if (!isSecretGiven) {
    logger.warn(
      'No HTTP secret provided - generated random secret. Uploads cannot go on after a restart or on another instance: set http.secret.',
    );
  }
  return {
    kind: 'start',
    configPath,
    configText,
    strict,
    count,
    address,
    ...(isSecretGiven ? {} : { httpSecret: randomBytes(32).toString('base64url') }),
  };
}

/**
 * Finds out that the address is free, and which port stands for 0, by listening there for a moment: processes that
 * share a port cannot tell their kin from another server. `undefined` under socket activation.
 */
async function reserveAddress({ http }: Config): Promise<string | undefined> {
  if (activatedAddress(process.env, process.pid) !== undefined) {
    return undefined;
  }
  const address = parseListenAddress(http.addr ?? '', http.net);
  if (address.kind !== 'tcp') {
    if (address.kind === 'unix') await clearStaleSocket(address.path);
    return http.addr;
  }
  const { host, port } = address;
  const probe = createServer();
  try {
    await once(probe.listen({ port, ...(host !== '' && { host }) }), 'listening');
  } catch (error) {
    throw listenFailure(address, error);
  }
  const bound = probe.address();
  const boundPort = typeof bound === 'object' ? (bound?.port ?? port) : port;
  const closed = once(probe, 'close');
  probe.close();
  await closed;
  return boundTcp(host, boundPort).text;
}
