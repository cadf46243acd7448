/**
 * The few parts of uWebSockets.js that this folder uses, as our own types: the package is optional,
 * and its own declarations are absent where it is.
 */

export interface UwsResponse {
  pause(): void;
  resume(): void;
  writeStatus(status: string): UwsResponse;
  writeHeader(name: string, value: string): UwsResponse;
  end(body?: string | Uint8Array, closeConnection?: boolean): UwsResponse;
  endWithoutBody(reportedLength?: number, closeConnection?: boolean): UwsResponse;
  tryEnd(chunk: Uint8Array, totalBytes: number): [accepted: boolean, done: boolean];
  close(): UwsResponse;
  getWriteOffset(): number;
  onWritable(handler: (offset: number) => boolean): UwsResponse;
  onAborted(handler: () => void): UwsResponse;
  /** The chunk is detached when the handler returns. */
  onData(handler: (chunk: ArrayBuffer, isLast: boolean) => void): UwsResponse;
  getRemoteAddressAsText(): ArrayBuffer;
  cork(callback: () => void): UwsResponse;
}

/** Dead after the request callback's first turn: read everything at once. */
export interface UwsRequest {
  getCaseSensitiveMethod(): string;
  getUrl(): string;
  /** `undefined` without a question mark. */
  getQuery(): string | undefined;
  forEach(callback: (name: string, value: string) => void): void;
}

/** An opaque handle of the add-on. */
export type UwsListenSocket = object;

export interface UwsApp {
  any(pattern: string, handler: (res: UwsResponse, req: UwsRequest) => void): UwsApp;
  /** Called with 1 when a connection opens and -1 when it closes; `res` lives for the call only. */
  filter(callback: (res: UwsResponse, change: number) => void): UwsApp;
  /** `options`: 0 = other processes may listen there too, or `LIBUS_LISTEN_EXCLUSIVE_PORT`. */
  listen(
    host: string,
    port: number,
    options: number,
    callback: (socket: UwsListenSocket | false) => void,
  ): UwsApp;
  listen_unix(callback: (socket: UwsListenSocket | false) => void, path: string): UwsApp;
  /** Ends every connection and listener at once. */
  close(): UwsApp;
}

export interface Uws {
  readonly LIBUS_LISTEN_EXCLUSIVE_PORT: number;
  App(): UwsApp;
  us_listen_socket_close(socket: UwsListenSocket): void;
  us_socket_local_port(socket: UwsListenSocket): number;
}
