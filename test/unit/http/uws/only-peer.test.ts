import { describe, expect, it } from 'vitest';
import { OnlyPeer } from '../../../../src/http/uws/only-peer.ts';

function from(address: string): { getRemoteAddressAsText(): ArrayBuffer } {
  return { getRemoteAddressAsText: () => new Uint8Array(Buffer.from(address)).buffer };
}

const closed = {
  getRemoteAddressAsText(): ArrayBuffer {
    throw new Error('a closed socket has no address');
  },
};

describe('OnlyPeer', () => {
  it('knows the peer of the only connection, and of more from the same', () => {
    const peer = new OnlyPeer();
    expect(peer.address).toBeUndefined();
    peer.onChange(from('192.0.2.1'), 1);
    peer.onChange(from('192.0.2.1'), 1);
    expect(peer.address).toBe('192.0.2.1');
    peer.onChange(closed, -1);
    expect(peer.address).toBe('192.0.2.1');
  });

  it('knows none while two peers are connected, nor when one of the two has left', () => {
    const peer = new OnlyPeer();
    peer.onChange(from('192.0.2.1'), 1);
    peer.onChange(from('192.0.2.2'), 1);
    expect(peer.address).toBeUndefined();
    peer.onChange(closed, -1);
    expect(peer.address).toBeUndefined();
    peer.onChange(from('192.0.2.2'), 1);
    expect(peer.address).toBeUndefined();
  });

  it('begins anew once all have left', () => {
    const peer = new OnlyPeer();
    peer.onChange(from('192.0.2.1'), 1);
    peer.onChange(from('192.0.2.2'), 1);
    peer.onChange(closed, -1);
    peer.onChange(closed, -1);
    peer.onChange(from('192.0.2.3'), 1);
    expect(peer.address).toBe('192.0.2.3');
  });

  it('takes the sockets of one machine, which have no address, for a peer of their own', () => {
    const peer = new OnlyPeer();
    peer.onChange(from(''), 1);
    expect(peer.address).toBe('');
    peer.onChange(from('192.0.2.1'), 1);
    expect(peer.address).toBeUndefined();
  });
});
