/** Schema of the `http` section: where to listen, TLS, the debug server and the limits both front ends honour. */

import type { Static } from 'typebox';
import {
  bool,
  choice,
  duration,
  int,
  list,
  mapOf,
  optional,
  secret,
  Type,
  text,
} from '../options/types.ts';
import { cipherSuiteNames, defaultCipherSuites } from './tls-suites.ts';

export const tlsOptions = Type.Object(
  {
    certificate: optional(
      text({ description: 'Path of the PEM certificate chain. Turns TLS on; needs `key`.' }),
    ),
    key: optional(text({ description: 'Path of the PEM private key of `certificate`.' })),
    clientcas: list(text({ description: 'Path of a PEM file with one or more CA certificates.' }), {
      description:
        'CA files that client certificates are checked against. A non-empty list turns client authentication on.',
      default: [],
    }),
    clientauth: choice(
      [
        'request-client-cert',
        'require-any-client-cert',
        'verify-client-cert-if-given',
        'require-and-verify-client-cert',
      ],
      {
        description: 'What is asked of clients when `clientcas` is set.',
        default: 'require-and-verify-client-cert',
      },
    ),
    minimumtls: choice(['tls1.0', 'tls1.1', 'tls1.2', 'tls1.3'], {
      description: 'Lowest TLS version accepted. 1.0 and 1.1 are unsafe and start with a warning.',
      default: 'tls1.2',
    }),
    ciphersuites: list(
      choice(cipherSuiteNames, { description: 'Cipher suite by its IANA name.' }),
      {
        description:
          'Cipher suites allowed up to TLS 1.2, in order of preference; empty = the default list. Never restricts TLS 1.3.',
        default: defaultCipherSuites,
      },
    ),
    letsencrypt: optional(
      Type.Object(
        {
          cachefile: optional(
            text({
              description: 'Directory that keeps the account key and certificates. Turns ACME on.',
            }),
          ),
          email: optional(text({ description: 'Contact address of the ACME account.' })),
          hosts: list(text({ description: 'Host name.' }), {
            description:
              'Host names that certificates are fetched for. With none every handshake is refused.',
            default: [],
          }),
          directoryurl: text({
            description: 'Directory URL of the ACME server.',
            default: 'https://acme-v02.api.letsencrypt.org/directory',
          }),
        },
        {
          description:
            'Certificates from Let’s Encrypt or another ACME server. Excludes `certificate`.',
        },
      ),
    ),
  },
  { description: 'TLS for the registry’s own listener.' },
);
export type TlsOptions = Static<typeof tlsOptions>;

/** Defaults of the two limits that the uws front end has no say in. */
export const defaultHeaderTimeoutMs = 60_000;
export const defaultIdleTimeoutMs = 75_000;

export const httpLimitsOptions = Type.Object(
  {
    headerbytes: int({
      description: 'Largest request line and headers together, in bytes.',
      default: 32768,
      minimum: 4096,
      maximum: 1048576,
    }),
    headertimeout: duration({
      description:
        'Time a client has to send its request headers, on the node front end. The uws front end gives 10s, fixed by its library.',
      default: defaultHeaderTimeoutMs,
      minimumMs: 1000,
    }),
    idletimeout: duration({
      description:
        'Time an idle keep-alive connection stays open, on the node front end. The uws front end closes at 10s, fixed by its library.',
      default: defaultIdleTimeoutMs,
      minimumMs: 1000,
    }),
    noprogresstimeout: duration({
      description: 'A transfer that moves no byte for this long is cut.',
      default: 600_000,
      minimumMs: 1000,
    }),
    maxconnections: int({
      description: 'Open connections per process. More are closed at once.',
      default: 10_000,
      minimum: 1,
    }),
    bodybuffers: int({
      description:
        'Buffers of 512 KiB (128 KiB for bodies that fit) for request bodies over all connections of a process. When all are in use, uploads wait.',
      default: 128,
      minimum: 4,
      maximum: 65_536,
    }),
  },
  { description: 'Limits on what clients may hold (not in Distribution).' },
);
export type HttpLimitsOptions = Static<typeof httpLimitsOptions>;

export const debugOptions = Type.Object(
  {
    addr: optional(
      text({
        description:
          '`HOST:PORT` of the debug server (health, vars, metrics). Absent = none. Keep it private.',
      }),
    ),
    prometheus: Type.Object(
      {
        enabled: bool({
          description: 'Serves metrics in the Prometheus text format.',
          default: false,
        }),
        path: text({
          description: 'Path of the metrics on the debug server.',
          default: '/metrics',
        }),
      },
      { description: 'Prometheus metrics on the debug server.' },
    ),
  },
  { description: 'Debug server.' },
);
export type DebugOptions = Static<typeof debugOptions>;

export const httpOptions = Type.Object(
  {
    addr: optional(
      text({
        description:
          'Address to listen on: `HOST:PORT` (`:5000` = all interfaces) or a socket path for `net: unix`. Absent with tcp = a free port; ignored under socket activation.',
      }),
    ),
    net: choice(['tcp', 'unix'], { description: 'Kind of listening socket.', default: 'tcp' }),
    prefix: optional(
      text({
        description:
          'Path that the routes live under, with leading and trailing slash, e.g. `/my/registry/`.',
      }),
    ),
    host: optional(
      text({
        description:
          'External URL of the registry, used in generated URLs. Its own path is kept and `prefix` is not added.',
      }),
    ),
    secret: optional(
      secret({
        description:
          'Key that signs upload state. The same for all instances behind one balancer; absent = random at each start, with a warning.',
      }),
    ),
    relativeurls: bool({
      description: 'Generated URLs hold only the path.',
      default: false,
    }),
    draintimeout: optional(
      duration({
        description:
          'Time given to running requests on SIGTERM. Absent = 10s, with idle connections ended at once.',
        minimumMs: 0,
      }),
    ),
    tls: tlsOptions,
    debug: debugOptions,
    headers: mapOf(
      list(text({ description: 'Header value.' }), { description: 'Values of one header.' }),
      {
        description: 'Headers added to every API response: name -> list of values.',
        default: {},
      },
    ),
    http2: Type.Object(
      { disabled: bool({ description: 'With TLS: offer HTTP/1.1 only.', default: false }) },
      { description: 'HTTP/2 over TLS.' },
    ),
    h2c: Type.Object(
      {
        enabled: bool({
          description:
            'Without TLS: accept HTTP/2, by prior knowledge or `Upgrade: h2c`, beside HTTP/1.1. See docs/proxies.md.',
          default: false,
        }),
      },
      { description: 'HTTP/2 in clear text.' },
    ),
    frontend: choice(['auto', 'uws', 'node'], {
      description:
        'HTTP server: `uws` (fast, plain HTTP/1.1 only), `node` (TLS, HTTP/2, HTTP/1.0), `auto` = uws wherever it can serve the configuration (not in Distribution).',
      default: 'auto',
    }),
    processes: int({
      description:
        'Processes that serve requests on the one address, started and kept alive by another. 0 = one per core. The debug server answers for all: metrics get a `process` label, profiles take `?process=N`. Not with letsencrypt or inmemory storage (not in Distribution).',
      default: 1,
      minimum: 0,
      maximum: 256,
    }),
    limits: httpLimitsOptions,
  },
  { description: 'The HTTP server.' },
);
export type HttpOptions = Static<typeof httpOptions>;
