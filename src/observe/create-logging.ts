/** Builds both logs from the `log` section and joins them; compose calls it first and closes it last. */

import { randomUUID } from 'node:crypto';
import { isatty } from 'node:tty';
import { CodedError } from '../errors.ts';
import { AccessLog } from './access-log.ts';
import { createLineFormat, type FormatChoice } from './create-line-format.ts';
import { createLogger, type LineLogger } from './create-logger.ts';
import type { LineOutput } from './line-output.ts';
import type { LogOptions } from './log-options.ts';
import { LogThread } from './log-thread/log-thread.ts';
import type { LogFields, LogLevel } from './logger.ts';
import { MailHook } from './mail-hook.ts';
import { RequestLog } from './request-log.ts';

export interface LoggingParts {
  /** The `version` field of each line. */
  readonly version: string;
  /** Other processes write to the same outputs. */
  readonly sharesOutput?: boolean;
  /** File descriptors; 1 and 2 unless given. They stay open. */
  readonly stdout?: number;
  readonly stderr?: number;
  /** Lines of requests a second from which on a thread of its own writes them. */
  readonly busyLines?: number;
}

export interface Logging {
  /** The `instance.id` of each line: one per process, for whatever else names it. */
  readonly instanceId: string;
  readonly logger: LineLogger;
  readonly requestLog: RequestLog;
  /** `undefined` when `log.accesslog.disabled`. */
  readonly accessLog: AccessLog | undefined;
  /** Writes what both would: the cheaper way, while they log every request. Else `undefined`. */
  readonly bothLogs: RequestLog | undefined;
  /** Lines and mails lost so far, for `/debug/vars` and metrics. */
  dropped(): { readonly lines: number; readonly accessLines: number; readonly mails: number };
  /** Sends queued mails and writes pending lines, both within a bound of seconds. Nothing is logged afterwards. */
  close(): Promise<void>;
}

// Short enough to go unnoticed by whoever follows the log, long enough to share writes under load.
const logFlushMs = 100;
const accessFlushMs = 500;

/** Throws CodedError `OPTION_INVALID` that names the key, for a hook that cannot work. */
export function createLogging(options: LogOptions, parts: LoggingParts): Logging {
  const stderr = parts.stderr ?? 2;
  const isTerminal = options.formatter === 'text' && isatty(stderr);
  const format: FormatChoice = {
    name: isTerminal ? 'terminal' : options.formatter,
    startMs: Date.now(),
  };
  const lines = createLineFormat(format);
  const instanceId = randomUUID();
  const fields = { ...options.fields, 'instance.id': instanceId, version: parts.version };

  // Past the logger, so that news about a log's own failures cannot set off a hook again.
  const report = (message: string, more: LogFields): void => {
    writer.write(
      lines.format({
        level: 'warn',
        timeMs: Date.now(),
        message,
        fields: { ...fields, ...more },
      }),
    );
  };
  const sharesPipe = parts.sharesOutput ?? false;
  const thread = new LogThread(
    [
      { fd: stderr, sharesPipe, flushAfterMs: logFlushMs },
      ...(options.accesslog.disabled
        ? []
        : [{ fd: parts.stdout ?? 1, sharesPipe, flushAfterMs: accessFlushMs }]),
    ],
    {
      ...(parts.busyLines === undefined ? {} : { busyLines: parts.busyLines }),
      onDropped: (output, dropped) =>
        output === 0
          ? report('log lines dropped: stderr is read too slowly', { lines: dropped })
          : logger.warn('access log lines dropped: stdout is read too slowly', { lines: dropped }),
      onLost: (error) =>
        report(
          'the log thread ended: a few lines may be lost, further ones are written without it',
          {
            error,
          },
        ),
    },
  );
  const [writer, accessWriter] = thread.outputs as readonly [LineOutput, LineOutput | undefined];
  const hooks = createHooks(options, report);
  const logger = createLogger({
    level: options.level as LogLevel,
    format,
    writer,
    fields,
    reportCaller: options.reportcaller,
    hooks,
  });
  const accessLog = accessWriter && new AccessLog(accessWriter);
  const logsBoth = accessLog !== undefined && logger.isEnabled('info');

  return {
    instanceId,
    logger,
    requestLog: new RequestLog(logger),
    accessLog,
    bothLogs: logsBoth ? new RequestLog(logger, accessLog) : undefined,
    dropped: () => ({
      lines: writer.droppedLines,
      accessLines: accessWriter?.droppedLines ?? 0,
      mails: hooks.reduce((sum, hook) => sum + hook.droppedMails, 0),
    }),
    async close(): Promise<void> {
      await Promise.all([accessLog?.close(), ...hooks.map((hook) => hook.close())]);
      await writer.close();
      await thread.close();
    },
  };
}

function createHooks(
  options: LogOptions,
  report: (message: string, fields: LogFields) => void,
): MailHook[] {
  const hooks: MailHook[] = [];
  for (const [index, hook] of options.hooks.entries()) {
    if (hook.disabled) {
      continue;
    }
    const path = `log.hooks[${index}].options`;
    if (hook.options.from === '' || hook.options.to.length === 0) {
      throw new CodedError('OPTION_INVALID', `${path}: from and to are needed to send mail`);
    }
    try {
      hooks.push(new MailHook({ ...hook.options, levels: hook.levels }, { report }));
    } catch (error) {
      throw new CodedError('OPTION_INVALID', `${path}.smtp.addr: ${(error as Error).message}`);
    }
  }
  return hooks;
}
