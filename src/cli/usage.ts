/** The words of the command line: usage text and exit codes. */

export const usage = `longshore - a container registry in the place of CNCF Distribution

Usage:
  longshore serve [--strict] [CONFIG]               run the registry
  longshore config [--strict] [CONFIG]              print the effective configuration, secrets masked
  longshore garbage-collect [-d] [-m] [-q] [--min-age DURATION] [CONFIG]
                                                    remove what no manifest needs; stop the registry first, or set
                                                    it read-only
  longshore verify [--repair] [--json] [--rate BYTES_PER_S] [CONFIG]
                                                    hash all blobs again, check links, manifests, tags and uploads
  longshore reindex [CONFIG]                        write the index of referrers anew
  longshore notifications replay [--list] [--endpoint OLD=NEW] [CONFIG]
                                                    queue dead letters again
  longshore help                                    this text
  longshore --version, -v                           print the version

CONFIG is the path of the YAML file; without it REGISTRY_CONFIGURATION_PATH names it.
--strict makes every warning about the configuration an error.

garbage-collect: -d, --dry-run          only say what would go
                 -m, --delete-untagged  also manifests without a tag; referrers of those that stay stay too
                 -q, --quiet            print nothing on standard output
                 --min-age DURATION     keep what was written, mounted or pushed again less than this long ago (2h, 30m;
                                        default 0: nothing)
                 Ends with 1 when manifests or links cannot be read: what they may need or name is kept.
verify:          --repair               quarantine corrupt blobs, write torn links anew, remove links without data,
                                        sessions nobody finished and temp files; manifests and tags stay as they are
                 --json                 one JSON document instead of lines
                 --rate BYTES_PER_S     bytes hashed a second, default 67108864; 0 = no limit
                 Ends with 0 when nothing was found, else with 1.
notifications replay:
                 --list                 only name their files
                 --endpoint OLD=NEW     those of OLD, which is configured no more, go to NEW; may be repeated
                 Ends with 1 when events stayed because nobody takes them.
`;

export const ExitCode = { ok: 0, failed: 1 } as const;
