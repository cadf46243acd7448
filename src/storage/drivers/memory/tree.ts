/** The tree behind the in-memory driver: folders, and files made of pieces. Pure data, no promises. */

export interface MemoryFile {
  readonly kind: 'file';
  /** Never changed once here: readers keep a copy of the list. */
  readonly pieces: Buffer[];
  sizeBytes: number;
  modifiedAtMs: number;
}

export interface MemoryFolder {
  readonly kind: 'folder';
  readonly children: Map<string, MemoryNode>;
  modifiedAtMs: number;
}

export type MemoryNode = MemoryFile | MemoryFolder;

export function newFile(pieces: Buffer[], nowMs: number): MemoryFile {
  const sizeBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return { kind: 'file', pieces, sizeBytes, modifiedAtMs: nowMs };
}

export function newFolder(nowMs: number): MemoryFolder {
  return { kind: 'folder', children: new Map(), modifiedAtMs: nowMs };
}

/** The node at `path`, or `undefined`. */
export function find(root: MemoryFolder, path: string): MemoryNode | undefined {
  let node: MemoryNode | undefined = root;
  for (const name of namesOf(path)) {
    node = node?.kind === 'folder' ? node.children.get(name) : undefined;
  }
  return node;
}

/** The folder that holds `path`, made when missing; `undefined` when a file is in the way. */
export function folderFor(
  root: MemoryFolder,
  path: string,
  nowMs: number,
): MemoryFolder | undefined {
  let folder = root;
  for (const name of namesOf(path).slice(0, -1)) {
    let child = folder.children.get(name);
    if (child === undefined) {
      child = newFolder(nowMs);
      folder.children.set(name, child);
    }
    if (child.kind === 'file') {
      return undefined;
    }
    folder = child;
  }
  return folder;
}

export function lastName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function parentPath(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '');
}
