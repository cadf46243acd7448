/** hash-wasm ships no types for its files of one algorithm each. */
declare module 'hash-wasm/dist/sha256.umd.min.js' {
  const library: Pick<typeof import('hash-wasm'), 'createSHA256'>;
  export default library;
}
