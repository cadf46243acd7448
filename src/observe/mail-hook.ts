/**
 * Mails severe log records over SMTP (`log.hooks` of type `mail`). A record costs its logger a push into a bounded
 * queue; one connection at a time works it off. Whatever goes wrong is one line in the log, never a failure elsewhere.
 */

import type { Transporter } from 'nodemailer';
import { CodedError } from '../errors.ts';
import type { LogHook } from './create-logger.ts';
import { errorChainText, plainText, printableValue } from './field-value.ts';
import { tryParseServer } from './host-port.ts';
import { type LogRecord, printedLevel } from './line-format.ts';
import type { MailOptions } from './log-options.ts';
import type { LogLevel } from './logger.ts';

export interface MailHookOptions extends MailOptions {
  readonly levels: readonly string[];
}

export interface MailHookParts {
  /** Writes one line about mails lost; must not come back here through the logger. */
  readonly report: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** Bound of one mail from connecting to its acceptance. */
  readonly timeoutMs?: number;
  readonly queueLimit?: number;
  readonly now?: () => number;
}

const defaultTimeoutMs = 15_000;
const defaultQueueLimit = 100;
/** Same failure, mail after mail: one line per minute. */
const reportQuietMs = 60_000;
const maxSubjectChars = 200;
const implicitTlsPort = 465;

/** Host and port of `smtp.addr`. Throws CodedError `OPTION_INVALID`, its message fit for the list of config faults. */
export function parseMailAddress(addr: string): { readonly host: string; readonly port: number } {
  const server = tryParseServer(addr);
  if (server === undefined) {
    throw new CodedError('OPTION_INVALID', `must be HOST:PORT, not ${JSON.stringify(addr)}`);
  }
  return server;
}

/** logrus's names without regard to case; any other means `panic`. */
export function parseHookLevel(name: string): LogLevel {
  switch (name.toLowerCase()) {
    case 'fatal':
    case 'error':
    case 'info':
    case 'debug':
      return name.toLowerCase() as LogLevel;
    case 'warn':
    case 'warning':
      return 'warn';
    default:
      return 'panic';
  }
}

/** Subject and body of the mail about a record. */
export function mailText(record: LogRecord, host: string): { subject: string; text: string } {
  const subject = `[${printedLevel(record.level)}] ${host}: ${record.message}`;
  let text = `${record.message}\n\n`;
  for (const key of Object.keys(record.fields).sort()) {
    const value = printableValue(record.fields[key]);
    if (value !== undefined) {
      text += `${key}: ${plainText(value)}\n`;
    }
  }
  return { subject: subject.replace(/\s+/g, ' ').slice(0, maxSubjectChars), text };
}

export class MailHook implements LogHook {
  readonly levels: ReadonlySet<LogLevel>;
  readonly #options: MailHookOptions;
  readonly #host: string;
  readonly #port: number;
  /** Loaded by the first hook, since it takes 6 MiB; not by the first mail, which may have troubled times to tell of. */
  readonly #transport: Promise<Transporter>;
  readonly #report: MailHookParts['report'];
  readonly #timeoutMs: number;
  readonly #queueLimit: number;
  readonly #now: () => number;
  readonly #queue: LogRecord[] = [];
  readonly #stop = new AbortController();
  #working: Promise<void> | undefined;
  #isClosed = false;
  #isOverflowing = false;
  #lostMails = 0;
  /** Given up because of `close`. */
  #unsentMails = 0;
  #lastReport = { text: '', atMs: Number.NEGATIVE_INFINITY };

  /** Throws CodedError `OPTION_INVALID` for a bad `smtp.addr`. Connects only when there is something to send. */
  constructor(options: MailHookOptions, parts: MailHookParts) {
    const { host, port } = parseMailAddress(options.smtp.addr);
    this.levels = new Set(options.levels.map(parseHookLevel));
    this.#options = options;
    this.#host = host;
    this.#report = parts.report;
    this.#timeoutMs = parts.timeoutMs ?? defaultTimeoutMs;
    this.#queueLimit = parts.queueLimit ?? defaultQueueLimit;
    this.#now = parts.now ?? Date.now;
    this.#port = port;
    this.#transport = this.#makeTransport();
    // Told by each mail that then cannot be sent.
    this.#transport.catch(() => {});
  }

  /** Mails given up so far: the queue was full, the server refused or did not answer in time. */
  get droppedMails(): number {
    return this.#lostMails + this.#unsentMails;
  }

  fire(record: LogRecord): void {
    if (this.#isClosed) {
      return;
    }
    if (this.#queue.length >= this.#queueLimit) {
      this.#lostMails += 1;
      if (!this.#isOverflowing) {
        this.#isOverflowing = true;
        this.#report('mail hook: queue full, dropping mails', { queued: this.#queue.length });
      }
      return;
    }
    this.#queue.push(record);
    this.#working ??= this.#workOff();
  }

  /** Sends what is queued for at most `patienceMs`, then gives up on the rest. */
  async close(patienceMs = 5000): Promise<void> {
    this.#isClosed = true;
    const timer = setTimeout(() => this.#stop.abort(), patienceMs);
    await this.#working;
    clearTimeout(timer);
    await this.#transport.then(
      (transport) => transport.close(),
      () => {},
    );
  }

  /** Never rejects. */
  async #workOff(): Promise<void> {
    for (let record = this.#queue.shift(); record !== undefined; record = this.#queue.shift()) {
      if (this.#stop.signal.aborted) {
        this.#unsentMails += 1;
      } else {
        await this.#send(record);
      }
      if (this.#queue.length <= this.#queueLimit / 2) {
        this.#isOverflowing = false;
      }
    }
    if (this.#unsentMails > 0) {
      this.#report('mail hook: mails left unsent at the end', { mails: this.#unsentMails });
    }
    this.#working = undefined;
  }

  async #send(record: LogRecord): Promise<void> {
    const deadline = AbortSignal.timeout(this.#timeoutMs);
    try {
      const transport = await this.#transport;
      await transport.sendMail({
        from: this.#options.from,
        to: [...this.#options.to],
        ...mailText(record, this.#host),
        signal: AbortSignal.any([deadline, this.#stop.signal]),
      });
    } catch (error) {
      if (this.#stop.signal.aborted) {
        this.#unsentMails += 1;
      } else {
        this.#lostMails += 1;
        this.#reportFailure(deadline.aborted ? 'no answer in time' : errorChainText(error));
      }
    }
  }

  async #makeTransport(): Promise<Transporter> {
    const { createTransport } = await import('nodemailer');
    const { smtp } = this.#options;
    return createTransport({
      host: this.#host,
      port: this.#port,
      secure: this.#port === implicitTlsPort,
      tls: { rejectUnauthorized: !smtp.insecure },
      connectionTimeout: this.#timeoutMs,
      greetingTimeout: this.#timeoutMs,
      socketTimeout: this.#timeoutMs,
      socketCloseTimeout: 1000,
      ...credentialOptions(smtp, this.#host),
    });
  }

  #reportFailure(text: string): void {
    const nowMs = this.#now();
    if (text !== this.#lastReport.text || nowMs - this.#lastReport.atMs >= reportQuietMs) {
      this.#lastReport = { text, atMs: nowMs };
      this.#report('mail hook: sending failed', {
        error: text,
        server: this.#options.smtp.addr,
        dropped: this.droppedMails,
      });
    }
  }
}

function credentialOptions(smtp: MailOptions['smtp'], host: string): object {
  if (smtp.username === undefined || smtp.username === '') {
    return {};
  }
  return {
    auth: { user: smtp.username, pass: smtp.password?.reveal() ?? '' },
    // A server that offers no authentication is an error, not a reason to send without it.
    forceAuth: true,
    // The password crosses no network in the clear, even if somebody strips STARTTLS from the server's offer;
    // `insecure` waives that, as it waives knowing the server.
    requireTLS: !smtp.insecure && !['localhost', '127.0.0.1', '::1'].includes(host),
  };
}
