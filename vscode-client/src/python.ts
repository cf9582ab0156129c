import { execFile } from 'node:child_process';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** Why an interpreter will not do, in words fit for a message; undefined when it will. */
export type Probe = (interpreter: string) => Promise<string | undefined>;

export interface Sources {
  /** The setting `jouleline.python`, expanded; empty when unset. */
  readonly configured: string;
  /** The interpreter chosen in the Python extension, when there is one. */
  readonly chosen: () => Promise<string | undefined>;
  /** That of the environment which the extension made for itself, once it has. */
  readonly own: string | undefined;
  /** Names to try on the PATH, in order. */
  readonly onPath: readonly string[];
}

export type Search =
  { readonly interpreter: string } | { readonly interpreter: undefined; readonly problem: string };

const setting = '"jouleline.python"';
const notFound = 'not found';

/**
 * An interpreter that was named in the settings is used or complained about, never silently
 * replaced: the user would debug the wrong installation.
 */
export async function findPython(sources: Sources, probe: Probe): Promise<Search> {
  if (sources.configured !== '') {
    const reason = await probe(sources.configured);
    if (reason === undefined) return { interpreter: sources.configured };
    return {
      interpreter: undefined,
      problem:
        `The interpreter in the setting ${setting} cannot run Jouleline: ` +
        `${sources.configured} (${reason}). ${remedy(reason)}`,
    };
  }
  const tried: string[] = [];
  for (const candidate of await candidates(sources)) {
    const reason = await probe(candidate);
    if (reason === undefined) return { interpreter: candidate };
    tried.push(`${candidate} (${reason})`);
  }
  return {
    interpreter: undefined,
    problem:
      `Jouleline needs a Python interpreter with the package "jouleline", and found none: ` +
      `${tried.join(', ')}. Let the extension install it into an environment of its own (Jouleline: ` +
      `Install Server), or name an interpreter that has it in the setting ${setting}.`,
  };
}

/** Nothing can be installed into an interpreter that is not there. */
function remedy(reason: string): string {
  return reason === notFound
    ? 'Name another one in the setting, or empty it to let the extension look for one.'
    : 'Name another one in the setting, or empty it and let the extension install the server into ' +
        'an environment of its own (Jouleline: Install Server).';
}

async function candidates(sources: Sources): Promise<Set<string>> {
  const chosen = await sources.chosen();
  const all = [chosen, sources.own, ...sources.onPath];
  return new Set(all.filter((candidate) => candidate !== undefined));
}

/** The forms that people write into a path setting; a bare name is left for the PATH. */
export function expandPath(written: string, folder: string | undefined, home = homedir()): string {
  let path = written;
  if (folder !== undefined) path = path.replaceAll('${workspaceFolder}', folder);
  if (path === '~' || /^~[\\/]/.test(path)) path = home + path.slice(1);
  if (folder === undefined || isAbsolute(path) || !/[\\/]/.test(path)) return path;
  return join(folder, path);
}

/**
 * Probes in the folder the server will run in: `python -c` and `python -m` put the current
 * folder first on the module path, and a user's `random.py` there would break either.
 */
export function importProbe(folder: string, timeoutMs = 30_000): Probe {
  return (interpreter) =>
    new Promise((resolve) => {
      execFile(
        interpreter,
        ['-c', 'import jouleline'],
        { cwd: folder, timeout: timeoutMs, windowsHide: true },
        (error, _stdout, stderr) => {
          resolve(error === null ? undefined : probeFailure(error, stderr));
        },
      );
    });
}

export function probeFailure(
  error: { code?: string | number | null | undefined; killed?: boolean | undefined },
  stderr: string,
): string {
  if (error.code === 'ENOENT') return notFound;
  if (error.code === 'EACCES') return 'not executable';
  if (error.killed === true) return 'no answer';
  const last = stderr.trim().split(/\r?\n/).at(-1) ?? '';
  if (/No module named '?jouleline'?$/.test(last)) return 'the package is not installed';
  return last === '' ? `failed with ${error.code ?? 'no exit code'}` : last;
}
