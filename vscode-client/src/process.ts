import { execFile } from 'node:child_process';

/**
 * What the package's command line wrote to standard output.
 *
 * @param folder where it runs: `python -m` takes modules from there first
 * @throws Error with the last line of standard error
 */
export function runModule(
  interpreter: string,
  folder: string,
  words: readonly string[],
  timeoutMs = 60_000,
): Promise<string> {
  return run(interpreter, ['-m', 'jouleline', ...words], { folder, timeoutMs });
}

export interface Surroundings {
  readonly folder: string;
  readonly timeoutMs: number;
  /** Ends the program. */
  readonly signal?: AbortSignal;
  readonly said?: (line: string) => void;
}

export function run(
  program: string,
  words: readonly string[],
  { folder, timeoutMs, signal, said }: Surroundings,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = {
      cwd: folder,
      timeout: timeoutMs,
      windowsHide: true,
      maxBuffer: 64 << 20,
      env: { ...process.env, PYTHONUTF8: '1' },
    };
    const child = execFile(
      program,
      words,
      signal === undefined ? options : { ...options, signal },
      (error, stdout, stderr) => {
        if (error === null) {
          resolve(stdout);
          return;
        }
        const last = stderr.trim().split(/\r?\n/).at(-1) ?? '';
        const slow = error.killed === true && signal?.aborted !== true;
        const silent = slow ? `no answer in ${timeoutMs / 1000} s` : error.message;
        reject(new Error(last === '' ? silent : last, { cause: error }));
      },
    );
    if (said === undefined) return;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: string) => {
        for (const line of chunk.split(/\r?\n/)) if (line !== '') said(line);
      });
    }
  });
}
