import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { ProgressLocation, window, type LogOutputChannel } from 'vscode';
import {
  CancellationToken,
  CloseAction,
  LanguageClient,
  MessageType,
  RevealOutputChannelOn,
  ShowMessageNotification,
  State,
  WorkDoneProgressCancelNotification,
  type CloseHandlerResult,
  type ErrorHandler,
  type LanguageClientOptions,
  type WorkspaceEdit,
} from 'vscode-languageclient/node';
import { wasCancelled } from './cancelled';
import { serverSaid } from './messages';
import { languages } from './names';
import { ProgressNotifications } from './progress';
import { section, type InitializationOptions } from './settings';
import { finishedNotification, statusNotification, type ServerStatus } from './status';

export interface Launch {
  readonly interpreter: string;
  readonly arguments: readonly string[];
  readonly folder: string;
}

export interface Watcher {
  readonly options: () => InitializationOptions;
  readonly status: (server: ServerStatus) => void;
  readonly starting: () => void;
  readonly running: () => void;
  /** A line on the server's standard error. */
  readonly said: (line: string) => void;
  /** The server ended after it had run, and will not be started again unasked. */
  readonly lost: (problem: string) => void;
  /** Before an edit is shown to the user. */
  readonly applying: (edit: WorkspaceEdit) => void;
  /** A command of the server, from wherever it was called, and its answer. */
  readonly answered: (command: string, answer: unknown) => void;
  /** A run ended while nobody was there, and its user wants to see what it found. */
  readonly finished: (run: unknown) => void;
}

export function createClient(launch: Launch, log: LogOutputChannel, watcher: Watcher): Client {
  const progress = new ProgressNotifications(
    (title, cancelled, task) => {
      void window.withProgress(
        {
          location: ProgressLocation.Notification,
          title,
          cancellable: true,
        },
        (reporter, token) => {
          token.onCancellationRequested(cancelled);
          return task(reporter);
        },
      );
    },
    (token) => {
      void client.sendNotification(WorkDoneProgressCancelNotification.type, { token });
    },
  );
  const options: LanguageClientOptions = {
    documentSelector: languages.map((language) => ({ scheme: 'file', language })),
    initializationOptions: watcher.options,
    // Deprecated in favour of the server pulling, yet a server that only listens works too.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    synchronize: { configurationSection: section },
    outputChannel: log,
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    // The session reports a failed start once, in words about Python rather than connections.
    initializationFailedHandler: () => false,
    errorHandler: new RestartPolicy(() => client, watcher.lost),
    middleware: {
      executeCommand: async (command, words, next) => {
        try {
          const answer: unknown = await next(command, words);
          watcher.answered(command, answer);
          return answer;
        } catch (reason) {
          // Thrown on, it would be shown as an error to the very user who clicked Cancel.
          if (!wasCancelled(reason)) throw reason;
          return undefined;
        }
      },
      workspace: {
        handleApplyEdit: (params, next) => {
          watcher.applying(params.edit);
          return next(params, CancellationToken.None);
        },
      },
      handleWorkDoneProgress: (token, value, next) => {
        progress.handle(token, value, () => {
          next(token, value);
        });
      },
    },
    // Python's logging writes every level to standard error: not each line is an error.
    stdioOptions: {
      stdout: (input) => {
        eachLine(input, (line) => {
          log.info(line);
        });
      },
      stderr: (input) => {
        eachLine(input, (line) => {
          log.info(line);
          watcher.said(line);
        });
      },
    },
  };
  const client = new Client(
    section,
    'Jouleline',
    {
      command: launch.interpreter,
      args: ['-m', 'jouleline', 'serve', ...launch.arguments],
      options: { cwd: launch.folder },
    },
    options,
  );
  client.onNotification(statusNotification, watcher.status);
  client.onNotification(finishedNotification, watcher.finished);
  // In place of the base class's, which has no buttons and keeps nothing.
  client.onNotification(ShowMessageNotification.type, ({ type, message }) => {
    if (type === MessageType.Error) log.error(message);
    else if (type === MessageType.Warning) log.warn(message);
    else log.info(message);
    serverSaid(type, message);
  });
  client.onDidChangeState(({ newState }) => {
    if (newState !== State.Running) progress.closeAll();
    if (newState === State.Starting) watcher.starting();
    if (newState === State.Running) watcher.running();
  });
  return client;
}

function eachLine(input: Readable, use: (line: string) => void): void {
  createInterface({ input }).on('line', use);
}

export class Client extends LanguageClient {
  /** The base class forces a popup for each stage of one failure; the session shows one. */
  override error(message: string, data?: unknown, show?: boolean | 'force'): void {
    super.error(message, data, show === 'force' ? false : show);
  }
}

/** The default policy, but without a loop of restarts of a server that cannot start. */
class RestartPolicy implements ErrorHandler {
  private standard: ErrorHandler | undefined;

  constructor(
    private readonly client: () => LanguageClient,
    private readonly lost: (problem: string) => void,
  ) {}

  error(...failure: Parameters<ErrorHandler['error']>): ReturnType<ErrorHandler['error']> {
    return this.default().error(...failure);
  }

  async closed(): Promise<CloseHandlerResult> {
    if (this.client().state !== State.Running) {
      this.lost('The Jouleline server ended while it was starting.');
      return { action: CloseAction.DoNotRestart, handled: true };
    }
    const result = await this.default().closed();
    if (result.action === CloseAction.DoNotRestart) {
      this.lost(result.message ?? 'The Jouleline server ended and was not restarted.');
    }
    return { ...result, handled: true };
  }

  private default(): ErrorHandler {
    this.standard ??= this.client().createDefaultErrorHandler();
    return this.standard;
  }
}
