import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './process';

/** The environment that the extension makes for its server, if the user asks for one. */
export class OwnServer {
  private readonly folder: string;

  /**
   * @param storage a folder of this extension alone
   * @param version of this extension: another one gets another environment
   * @param bundled the folder of the package's wheel, which need not exist
   */
  constructor(
    private readonly storage: string,
    version: string,
    private readonly bundled: string,
  ) {
    this.folder = join(storage, `server-${version}`);
  }

  /** The environment's interpreter, once there is one. */
  get interpreter(): string | undefined {
    const path = this.python;
    return existsSync(path) ? path : undefined;
  }

  /** What pip is asked for: the wheel that came with the extension, else the package by its name. */
  get requirement(): string {
    const names = existsSync(this.bundled) ? readdirSync(this.bundled) : [];
    const wheel = names.find((name) => /^jouleline-.*\.whl$/.test(name));
    return wheel === undefined ? 'jouleline' : join(this.bundled, wheel);
  }

  /**
   * Makes the environment, from the first of the interpreters that can.
   *
   * @throws Error with a sentence for the user; nothing is left behind then
   */
  async install(
    interpreters: readonly string[],
    signal: AbortSignal,
    said: (line: string) => void,
  ): Promise<void> {
    mkdirSync(this.storage, { recursive: true });
    const step = { folder: this.storage, timeoutMs: 600_000, signal, said };
    try {
      await this.environment(interpreters, step);
      const quiet = ['--disable-pip-version-check', '--no-input'];
      await run(this.python, ['-m', 'pip', 'install', ...quiet, this.requirement], step);
    } catch (reason) {
      rmSync(this.folder, { recursive: true, force: true });
      throw reason;
    }
  }

  private async environment(
    interpreters: readonly string[],
    step: Parameters<typeof run>[2],
  ): Promise<void> {
    const tried: string[] = [];
    for (const interpreter of interpreters) {
      try {
        await run(interpreter, [...ofEnoughAge, this.folder], step);
        return;
      } catch (reason) {
        if (step.signal?.aborted === true) throw reason;
        tried.push(`${interpreter} (${reason instanceof Error ? reason.message : String(reason)})`);
      }
    }
    throw new Error(
      `no Python could make an environment: ${tried.join(', ')}. Install Python 3.11 or later ` +
        'with its module venv, then try again.',
    );
  }

  private get python(): string {
    return process.platform === 'win32'
      ? join(this.folder, 'Scripts', 'python.exe')
      : join(this.folder, 'bin', 'python');
  }
}

/** An interpreter that is too old says so before it makes anything. */
const ofEnoughAge = [
  '-c',
  'import sys, venv\n' +
    'if sys.version_info < (3, 11): sys.exit("too old: Python %d.%d" % sys.version_info[:2])\n' +
    'venv.create(sys.argv[1], clear=True, with_pip=True)',
];
