/**
 * The HTTP part of the metrics: in flight, totals, durations, sizes. The only metrics on the path of every request,
 * so each request costs two Map lookups and a few array writes. Called by metrics.ts.
 */

import {
  type HistogramCell,
  HistogramFamily,
  one,
  type PrintableFamily,
  ReadFamily,
  type Sample,
} from './metric-families.ts';

const durationBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60];
const sizeBounds = Array.from({ length: 22 }, (_, power) => 1024 * 2 ** power);

/** Anything else is counted as `unknown`: a method is whatever a client cares to send. */
const methods: ReadonlyMap<string, string> = new Map(
  ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE', 'OPTIONS', 'CONNECT', 'TRACE'].map((name) => [
    name,
    name.toLowerCase(),
  ]),
);
const lowestStatus = 100;
const statusCount = 500;
/** Handler names come from the route table; the bound only guards against a caller's mistake. */
const maxHandlers = 64;

interface MethodCells {
  readonly method: string;
  readonly durations: HistogramCell;
  /** Requests by status, index 0 is 100. */
  readonly byStatus: Float64Array;
}

interface HandlerCells {
  readonly handler: string;
  inFlight: number;
  readonly requestSizes: HistogramCell;
  readonly responseSizes: HistogramCell;
  readonly byMethod: Map<string, MethodCells>;
}

export class RequestMetrics {
  readonly families: readonly PrintableFamily[];
  readonly #handlers = new Map<string, HandlerCells>();
  readonly #durations = new HistogramFamily(
    'registry_http_request_duration_seconds',
    'Time from the first byte of a request to the end of its response',
    ['handler', 'method'],
    durationBounds,
  );
  readonly #requestSizes = new HistogramFamily(
    'registry_http_request_size_bytes',
    'Bytes of request bodies',
    ['handler'],
    sizeBounds,
  );
  readonly #responseSizes = new HistogramFamily(
    'registry_http_response_size_bytes',
    'Bytes of response bodies',
    ['handler'],
    sizeBounds,
  );

  constructor() {
    this.families = [
      new ReadFamily('gauge', 'registry_http_in_flight_requests', 'Requests being served', () =>
        [...this.#handlers.values()].map(({ handler, inFlight }) => ({
          labels: { handler },
          value: inFlight,
        })),
      ),
      new ReadFamily('counter', 'registry_http_requests_total', 'Finished requests', () =>
        this.#totals(),
      ),
      this.#durations,
      this.#requestSizes,
      this.#responseSizes,
      new ReadFamily(
        'counter',
        'longshore_http_received_bytes_total',
        'Bytes of all request bodies',
        () => one(this.#sum((cells) => cells.requestSizes.sum)),
      ),
      new ReadFamily(
        'counter',
        'longshore_http_sent_bytes_total',
        'Bytes of all response bodies',
        () => one(this.#sum((cells) => cells.responseSizes.sum)),
      ),
    ];
  }

  started(handler: string): void {
    (this.#handlers.get(handler) ?? this.#addHandler(handler)).inFlight += 1;
  }

  finished(
    handler: string,
    method: string,
    status: number,
    seconds: number,
    requestBytes: number,
    responseBytes: number,
  ): void {
    const cells = this.#handlers.get(handler) ?? this.#addHandler(handler);
    cells.inFlight -= 1;
    cells.requestSizes.observe(requestBytes);
    cells.responseSizes.observe(responseBytes);
    const byMethod = cells.byMethod.get(method) ?? this.#addMethod(cells, method);
    byMethod.durations.observe(seconds);
    const at = status - lowestStatus;
    if (at >= 0 && at < statusCount) {
      byMethod.byStatus[at] = (byMethod.byStatus[at] as number) + 1;
    }
  }

  #addHandler(name: string): HandlerCells {
    const handler = this.#handlers.size < maxHandlers ? name : 'other';
    let cells = this.#handlers.get(handler);
    if (cells === undefined) {
      cells = {
        handler,
        inFlight: 0,
        requestSizes: this.#requestSizes.cell(handler),
        responseSizes: this.#responseSizes.cell(handler),
        byMethod: new Map(),
      };
      this.#handlers.set(handler, cells);
    }
    return cells;
  }

  #addMethod(cells: HandlerCells, name: string): MethodCells {
    const key = methods.has(name) ? name : '';
    let byMethod = cells.byMethod.get(key);
    if (byMethod === undefined) {
      const method = methods.get(name) ?? 'unknown';
      byMethod = {
        method,
        durations: this.#durations.cell(cells.handler, method),
        byStatus: new Float64Array(statusCount),
      };
      cells.byMethod.set(key, byMethod);
    }
    return byMethod;
  }

  #totals(): Sample[] {
    const samples: Sample[] = [];
    for (const { handler, byMethod } of this.#handlers.values()) {
      for (const { method, byStatus } of byMethod.values()) {
        byStatus.forEach((value, at) => {
          if (value > 0) {
            samples.push({ labels: { code: String(at + lowestStatus), handler, method }, value });
          }
        });
      }
    }
    return samples;
  }

  #sum(pick: (cells: HandlerCells) => number): number {
    let total = 0;
    for (const cells of this.#handlers.values()) {
      total += pick(cells);
    }
    return total;
  }
}
