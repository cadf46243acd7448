import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LogRecord } from '../../../src/observe/line-format.ts';
import {
  MailHook,
  type MailHookOptions,
  type MailHookParts,
  mailText,
  parseHookLevel,
  parseMailAddress,
} from '../../../src/observe/mail-hook.ts';
import { Secret } from '../../../src/options/secret.ts';

interface ReceivedMail {
  readonly text: string;
  readonly from: string;
  readonly to: string[];
  readonly isTls: boolean;
  readonly user: string | undefined;
}

interface MailServer {
  readonly port: number;
  readonly mails: ReceivedMail[];
  /** At any one time. */
  readonly mostConnections: () => number;
  /** Resolves when so many mails have come. */
  received(count: number): Promise<void>;
}

let certificate: { key: string; cert: string };
beforeAll(() => {
  const pem = execFileSync(
    'openssl',
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=mail -keyout - -days 2'.split(
      ' ',
    ),
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  certificate = { key: pem, cert: pem };
});

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) {
    await close();
  }
});

/** A real SMTP server; accepts `mailer` with the password `right`, and its certificate is self-signed. */
async function aMailServer(options: SMTPServerOptions = {}): Promise<MailServer> {
  const mails: ReceivedMail[] = [];
  const waiters: { count: number; resolve: () => void }[] = [];
  let connections = 0;
  let mostConnections = 0;
  const server = new SMTPServer({
    ...certificate,
    authOptional: true,
    onConnect(_session, callback) {
      connections += 1;
      mostConnections = Math.max(mostConnections, connections);
      callback();
    },
    onClose() {
      connections -= 1;
    },
    onAuth({ username, password }, _session, callback) {
      if (username === 'mailer' && password === 'right') {
        callback(null, { user: username });
      } else {
        callback(new Error('bad credentials'));
      }
    },
    onData(stream, session, callback) {
      const pieces: Buffer[] = [];
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          text: Buffer.concat(pieces).toString('utf8'),
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map((recipient) => recipient.address),
          isTls: session.secure,
          user: session.user as string | undefined,
        });
        callback();
        for (const waiter of waiters) {
          if (mails.length >= waiter.count) {
            waiter.resolve();
          }
        }
      });
    },
    ...options,
  });
  // Handshakes that a client breaks off are what some tests are about.
  server.on('error', () => {});
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  closers.push(() => new Promise((resolve) => server.close(() => resolve())));
  return {
    port: (server.server.address() as AddressInfo).port,
    mails,
    mostConnections: () => mostConnections,
    received: (count) =>
      new Promise((resolve) => {
        if (mails.length >= count) {
          resolve();
        } else {
          waiters.push({ count, resolve });
        }
      }),
  };
}

/** Takes connections and says nothing. */
async function aSilentServer(): Promise<{ port: number; server: Server }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(async () => {
    for (const socket of sockets) {
      socket.destroy();
    }
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, server };
}

type Report = { message: string; fields: Readonly<Record<string, unknown>> };

function aHook(
  port: number,
  smtp: Partial<MailHookOptions['smtp']> = {},
  parts: Partial<MailHookParts> = {},
): { hook: MailHook; reports: Report[]; reported: Promise<Report> } {
  const reports: Report[] = [];
  let first: (report: Report) => void = () => {};
  const reported = new Promise<Report>((resolve) => {
    first = resolve;
  });
  const hook = new MailHook(
    {
      smtp: { addr: `127.0.0.1:${port}`, insecure: false, ...smtp },
      from: 'registry@example.com',
      to: ['ops@example.com', 'dev@example.com'],
      levels: ['panic', 'error'],
    },
    {
      report: (message, fields) => {
        reports.push({ message, fields });
        first({ message, fields });
      },
      ...parts,
    },
  );
  closers.push(() => hook.close(0));
  return { hook, reports, reported };
}

const record: LogRecord = {
  level: 'panic',
  timeMs: 0,
  message: 'handler broke',
  fields: { 'http.request.id': 'x-1', error: new Error('no', { cause: new Error('why') }), n: 1 },
};

describe('MailHook', () => {
  it('sends subject, sender, recipients and the record’s fields over plain SMTP', async () => {
    const server = await aMailServer({ hideSTARTTLS: true });
    const { hook, reports } = aHook(server.port);
    hook.fire(record);
    await server.received(1);
    const [mail] = server.mails;
    expect(mail).toMatchObject({
      from: 'registry@example.com',
      to: ['ops@example.com', 'dev@example.com'],
      isTls: false,
      user: undefined,
    });
    const [head, body] = (mail?.text ?? '').split('\r\n\r\n', 2);
    expect(head).toContain('Subject: [panic] 127.0.0.1: handler broke\r\n');
    expect(head).toContain('From: registry@example.com\r\n');
    expect(head).toContain('To: ops@example.com, dev@example.com\r\n');
    expect(head).toMatch(/Content-Type: text\/plain/);
    expect(body).toBe('handler broke');
    expect(mail?.text).toContain(
      '\r\n\r\nhandler broke\r\n\r\nerror: no: why\r\nhttp.request.id: x-1\r\nn: 1\r\n',
    );
    expect(reports).toEqual([]);
  });

  it('uses STARTTLS when offered, and refuses a certificate nobody vouches for', async () => {
    const server = await aMailServer();
    const { hook, reported } = aHook(server.port);
    hook.fire(record);
    const report = await reported;
    expect(report.message).toBe('mail hook: sending failed');
    expect(String(report.fields['error'])).toMatch(/certificate/i);
    expect(server.mails).toEqual([]);
    expect(hook.droppedMails).toBe(1);
  });

  it('takes any certificate when insecure', async () => {
    const server = await aMailServer();
    const { hook } = aHook(server.port, { insecure: true });
    hook.fire(record);
    await server.received(1);
    expect(server.mails[0]?.isTls).toBe(true);
  });

  it('authenticates when a username is set', async () => {
    const server = await aMailServer({ authOptional: false });
    const { hook } = aHook(server.port, {
      insecure: true,
      username: 'mailer',
      password: new Secret('right'),
    });
    hook.fire(record);
    await server.received(1);
    expect(server.mails[0]).toMatchObject({ user: 'mailer', isTls: true });
  });

  it('reports refused credentials, without printing them', async () => {
    const server = await aMailServer({ authOptional: false });
    const { hook, reported } = aHook(server.port, {
      insecure: true,
      username: 'mailer',
      password: new Secret('wrong-secret'),
    });
    hook.fire(record);
    const report = await reported;
    expect(report.message).toBe('mail hook: sending failed');
    expect(JSON.stringify(report)).not.toContain('wrong-secret');
    expect(server.mails).toEqual([]);
  });

  it('sends no mail past a server that offers no authentication when a username is set', async () => {
    const server = await aMailServer({ disabledCommands: ['AUTH', 'STARTTLS'] });
    const { hook, reported } = aHook(server.port, {
      username: 'mailer',
      password: new Secret('right'),
    });
    hook.fire(record);
    expect((await reported).message).toBe('mail hook: sending failed');
    expect(server.mails).toEqual([]);
  });

  it('says so once when the server is down, and goes on', async () => {
    const { port, server } = await aSilentServer();
    server.close();
    await once(server, 'close');
    const { hook, reports, reported } = aHook(port);
    for (let count = 0; count < 5; count += 1) {
      hook.fire(record);
    }
    await reported;
    await hook.close();
    expect(hook.droppedMails).toBe(5);
    expect(reports).toHaveLength(1);
    expect(reports[0]?.fields).toMatchObject({
      error: expect.stringContaining('ECONNREFUSED'),
      server: `127.0.0.1:${port}`,
    });
  });

  it('gives a hanging server up when the time is over', async () => {
    const { port } = await aSilentServer();
    const { hook, reported } = aHook(port, {}, { timeoutMs: 50 });
    hook.fire(record);
    expect((await reported).message).toBe('mail hook: sending failed');
    expect(hook.droppedMails).toBe(1);
  });

  it('bounds its queue and says once that mails are dropped', async () => {
    const { port } = await aSilentServer();
    const { hook, reports } = aHook(port, {}, { queueLimit: 3 });
    for (let count = 0; count < 20; count += 1) {
      hook.fire(record);
    }
    // One is on its way, three wait.
    expect(hook.droppedMails).toBe(16);
    expect(reports).toEqual([
      { message: 'mail hook: queue full, dropping mails', fields: { queued: 3 } },
    ]);
    await hook.close(0);
    expect(hook.droppedMails).toBe(20);
    expect(reports[1]).toEqual({
      message: 'mail hook: mails left unsent at the end',
      fields: { mails: 4 },
    });
  });

  it('sends one mail after the other, and all that is queued before it closes', async () => {
    const server = await aMailServer({ hideSTARTTLS: true });
    const { hook } = aHook(server.port);
    for (let count = 0; count < 4; count += 1) {
      hook.fire({ ...record, message: `number ${count}` });
    }
    await hook.close();
    expect(server.mostConnections()).toBe(1);
    expect(server.mails.map((mail) => /number \d/.exec(mail.text)?.[0])).toEqual([
      'number 0',
      'number 1',
      'number 2',
      'number 3',
    ]);
    hook.fire(record);
    expect(server.mails).toHaveLength(4);
  });
});

describe('mailText', () => {
  it('keeps the subject on one line of bounded length', () => {
    const message = `broke\r\nBcc: x@example.com ${'y'.repeat(500)}`;
    const { subject } = mailText({ ...record, message }, 'mail.example.com');
    expect(subject).toMatch(/^\[panic\] mail\.example\.com: broke Bcc: x@example\.com y+$/);
    expect(subject.length).toBe(200);
  });

  it('prints warning in full and masks secrets', () => {
    const fields = { password: new Secret('hunter2'), absent: undefined };
    expect(mailText({ ...record, level: 'warn', fields }, 'h')).toEqual({
      subject: '[warning] h: handler broke',
      text: 'handler broke\n\npassword: ***\n',
    });
  });
});

describe('parseHookLevel', () => {
  it.each([
    ['panic', 'panic'],
    ['Fatal', 'fatal'],
    ['error', 'error'],
    ['warn', 'warn'],
    ['WARNING', 'warn'],
    ['info', 'info'],
    ['debug', 'debug'],
    ['critical', 'panic'],
    ['', 'panic'],
  ])('reads %j as %s', (name, level) => {
    expect(parseHookLevel(name)).toBe(level);
  });
});

describe('parseMailAddress', () => {
  it.each([
    ['mail.example.com:25', { host: 'mail.example.com', port: 25 }],
    ['[::1]:465', { host: '::1', port: 465 }],
  ])('reads %s', (addr, expected) => {
    expect(parseMailAddress(addr)).toEqual(expected);
  });

  it.each(['', 'mail.example.com', ':25', 'a:b:25', 'host:0', 'host:65536', 'host:smtp', 'a b:25'])(
    'refuses %j',
    (addr) => {
      expect(() => parseMailAddress(addr)).toThrow(/^must be HOST:PORT, not "/);
    },
  );
});
