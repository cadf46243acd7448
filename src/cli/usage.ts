/** The words of the command line: usage text and exit codes. */

export const usage = `longshore - a container registry in the place of CNCF Distribution

Usage:
  longshore serve [--strict] [CONFIG]               run the registry
  longshore config [--strict] [CONFIG]              print the effective configuration, secrets masked
  longshore notifications replay [--list] [CONFIG]  queue dead letters again
  longshore help                                    this text
  longshore --version, -v                           print the version

CONFIG is the path of the YAML file; without it REGISTRY_CONFIGURATION_PATH names it.
--strict makes every warning about the configuration an error.
`;

export const ExitCode = { ok: 0, failed: 1 } as const;
