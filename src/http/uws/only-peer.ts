/**
 * The address that all open connections share, if they do: behind one balancer, or in a bench. The add-on tells an
 * address per request only by a system call and an ArrayBuffer, 3 to 6 µs, and does not tell which connection a
 * request came on; but while every open connection is of one peer, so is each request.
 */

import { peerAddress } from './peer-address.ts';
import type { UwsResponse } from './types.ts';

export class OnlyPeer {
  #openCount = 0;
  #address: string | undefined;

  /** `undefined` while connections of several peers are open, and until all of them have closed. */
  get address(): string | undefined {
    return this.#address;
  }

  /** For `App.filter`: 1 when a connection opens, -1 when one closes. */
  onChange(res: Pick<UwsResponse, 'getRemoteAddressAsText'>, change: number): void {
    const isFirst = this.#openCount === 0;
    this.#openCount += change;
    if (change < 0) {
      // A closed socket tells no address: whose connections are left is not known before the last is gone.
      return;
    }
    if (isFirst) {
      this.#address = peerAddress(res.getRemoteAddressAsText());
    } else if (
      this.#address !== undefined &&
      this.#address !== peerAddress(res.getRemoteAddressAsText())
    ) {
      this.#address = undefined;
    }
  }
}
