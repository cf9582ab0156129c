import { setTimeout } from 'node:timers/promises';
import { workspace, type LogOutputChannel } from 'vscode';
import {
  ErrorCodes,
  ExecuteCommandRequest,
  ResponseError,
  State,
} from 'vscode-languageclient/node';
import { createClient, type Client, type Launch, type Watcher } from './client';
import { describe, noPython, serverGone, wrongSetting } from './messages';
import type { ServerCommandId } from './names';
import type { OwnServer } from './ownServer';
import { expandPath, findPython, importProbe, type Search } from './python';
import { chosenInterpreter } from './pythonExtension';
import { initializationOptions, readSettings, section, type Settings } from './settings';
import type { ServerStatus, Status } from './status';

/** What the session tells the rest of the extension. */
export interface Listener {
  readonly status: (status: Status) => void;
  readonly applying: Watcher['applying'];
  readonly answered: Watcher['answered'];
  readonly finished: Watcher['finished'];
}

/** Owns the one server of this window: at most one runs, and starts and stops keep their order. */
export class Session {
  private client: Client | undefined;
  private launched = '';
  private running: string | undefined;
  private queue: Promise<void> = Promise.resolve();
  private started: Promise<void> = Promise.resolve();

  /**
   * @param folder where the server runs: the extension's own, because `python -m` takes modules
   *   from the current folder first, and a workspace may hold anything
   */
  constructor(
    readonly folder: string,
    private readonly own: OwnServer,
    private readonly log: LogOutputChannel,
    private readonly listener: Listener,
  ) {}

  /** Starts the server, or a new one when settings or interpreter ask for another launch. */
  refresh(): Promise<void> {
    return this.enqueue(() => this.launch(false));
  }

  restart(): Promise<void> {
    return this.enqueue(() => this.launch(true));
  }

  stop(): Promise<void> {
    return this.enqueue(() => this.end());
  }

  /** That of the server, else one that has the package; undefined when the user was told of none. */
  async interpreter(): Promise<string | undefined> {
    if (this.client?.state === State.Running) return this.running;
    const settings = currentSettings();
    const search = await this.search(settings);
    if (search.interpreter === undefined) tellOfNone(search.problem, settings);
    return search.interpreter;
  }

  async request<Answer>(command: ServerCommandId, argument?: object): Promise<Answer> {
    await this.queue;
    await this.started;
    const client = this.client;
    if (client?.state !== State.Running) {
      throw new Error(
        'the server is not running; the log says why. Use "Jouleline: Restart Server" to try again.',
      );
    }
    try {
      return (await client.sendRequest(ExecuteCommandRequest.type, {
        command,
        arguments: argument === undefined ? [] : [argument],
      })) as Answer;
    } catch (reason) {
      // The connection's own words for it mean nothing to a user.
      if (!lostConnection(reason)) throw reason;
      throw new Error('the server ended before it answered.', { cause: reason });
    }
  }

  /** As the server was told it when the document was opened. */
  uri(document: { uri: Parameters<Client['code2ProtocolConverter']['asUri']>[0] }): string {
    return this.client?.code2ProtocolConverter.asUri(document.uri) ?? document.uri.toString();
  }

  private enqueue(step: () => Promise<void>): Promise<void> {
    this.queue = this.queue.then(step).catch((reason: unknown) => {
      this.log.error(describe(reason));
    });
    return this.queue;
  }

  private async launch(force: boolean): Promise<void> {
    if (!workspace.isTrusted) {
      this.listener.status({ kind: 'untrusted' });
      return;
    }
    const settings = currentSettings();
    const search = await this.search(settings);
    if (search.interpreter === undefined) {
      await this.end();
      this.log.error(search.problem);
      this.listener.status({ kind: 'stopped', message: search.problem });
      tellOfNone(search.problem, settings);
      return;
    }
    const launch: Launch = {
      interpreter: search.interpreter,
      arguments: settings.serverArguments,
      folder: this.folder,
    };
    const launched = JSON.stringify(launch);
    const alive = this.client?.state === State.Running || this.client?.state === State.Starting;
    if (!force && alive && launched === this.launched) return;
    await this.end();
    this.launched = launched;
    this.running = launch.interpreter;
    this.begin(launch);
  }

  private begin(launch: Launch): void {
    const line = [launch.interpreter, '-m jouleline serve', ...launch.arguments].join(' ');
    this.log.info(`Starting ${line}`);
    let everRan = false;
    let spoke = false;
    let lastWords = '';
    const whileCurrent = (act: () => void): void => {
      // A client that was replaced still ends its server; that is no news.
      if (this.client === client) act();
    };
    const client = createClient(launch, this.log, {
      applying: this.listener.applying,
      answered: this.listener.answered,
      finished: this.listener.finished,
      options: () => initializationOptions(currentSettings()),
      status: (server) => {
        spoke = true;
        whileCurrent(() => {
          this.listener.status({ kind: 'server', server });
        });
      },
      starting: () => {
        spoke = false;
        whileCurrent(() => {
          this.listener.status({ kind: 'starting' });
        });
      },
      running: () => {
        everRan = true;
        if (spoke) return;
        whileCurrent(() => {
          this.listener.status({ kind: 'server', server: silentServer });
        });
      },
      said: (line) => {
        if (line.trim() !== '') lastWords = line.trim();
      },
      lost: (problem) => {
        // A failed first start is reported below, with the reason that start() gives.
        if (!everRan) return;
        whileCurrent(() => {
          this.giveUp(problem);
        });
      },
    });
    this.client = client;
    // Not part of the queue: a server that never answers must not block its own restart.
    this.started = client.start().catch(async (reason: unknown) => {
      // The pipe breaks before the reason that Python wrote to standard error arrives.
      await setTimeout(200);
      whileCurrent(() => {
        this.giveUp(`The Jouleline server did not start: ${lastWords || describe(reason)}`);
      });
    });
  }

  private async end(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    this.launched = '';
    if (client === undefined || client.state === State.Stopped) return;
    try {
      // The server first ends the runs it owns; VS Code itself allows five seconds at its end.
      await client.dispose(4000);
    } catch (reason) {
      // Said of a client that is not running; its process is ended all the same.
      this.log.warn(describe(reason));
    }
  }

  private giveUp(problem: string): void {
    this.log.error(problem);
    this.listener.status({ kind: 'stopped', message: problem });
    serverGone(problem);
  }

  private search(settings: Settings): Promise<Search> {
    const folder = workspace.workspaceFolders?.[0]?.uri;
    return findPython(
      {
        configured: expandPath(settings.python, folder?.fsPath),
        chosen: () =>
          chosenInterpreter(folder, (reason) => {
            this.log.warn(`The Python extension gave no interpreter: ${describe(reason)}`);
          }),
        own: this.own.interpreter,
        onPath,
      },
      importProbe(this.folder),
    );
  }
}

function tellOfNone(problem: string, settings: Settings): void {
  if (settings.python === '') noPython(problem);
  else wrongSetting(problem);
}

function lostConnection(reason: unknown): boolean {
  return (
    reason instanceof ResponseError &&
    (reason.code === ErrorCodes.PendingResponseRejected ||
      reason.code === ErrorCodes.ConnectionInactive)
  );
}

export const onPath: readonly string[] = ['python3', 'python'];

/** Stands in until the server sends its first status. */
const silentServer: ServerStatus = {
  device: '',
  deviceName: '',
  target: '',
  state: 'ready',
  message: '',
};

function currentSettings(): Settings {
  return readSettings(workspace.getConfiguration(section, workspace.workspaceFolders?.[0]));
}
