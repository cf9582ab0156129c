import { join } from 'node:path';
import { commands as editor, Uri, window, workspace, type ExtensionContext } from 'vscode';
import { importProfile } from './importProfile';
import { installServer } from './installServer';
import { commandFailed, describe } from './messages';
import { commands, serverCommands, type CommandId } from './names';
import { OwnServer } from './ownServer';
import { pickDevice } from './pickDevice';
import { pickTarget } from './pickTarget';
import { onInterpreterChange } from './pythonExtension';
import { recordOf } from './refactorAnswer';
import { refactorFile } from './refactorFile';
import { ResultPanels } from './resultPanel';
import { explainReview } from './reviewHint';
import { Session } from './session';
import { Pages, reportPage, whatIfPage } from './pages';
import { showRuns } from './showRuns';
import { StatusBar } from './statusBar';
import { mayStart } from './trust';

let session: Session | undefined;

export function activate(context: ExtensionContext): void {
  const log = window.createOutputChannel('Jouleline', { log: true });
  const bar = new StatusBar();
  const failed = (reason: unknown): void => {
    log.error(describe(reason));
    commandFailed(reason);
  };
  const pages = new Pages();
  const panels = new ResultPanels(Uri.joinPath(context.extensionUri, 'icon.png'));
  const showRecord = (answer: unknown): void => {
    const record = recordOf(answer);
    if (record !== undefined) panels.show(record).catch(failed);
  };
  const own = new OwnServer(
    context.globalStorageUri.fsPath,
    (context.extension.packageJSON as { readonly version: string }).version,
    join(context.extensionPath, 'server'),
  );
  const current = new Session(context.extensionPath, own, log, {
    status: (status) => {
      bar.show(status);
    },
    applying: explainReview,
    // Code actions and lenses call the server's command, and not one of the extension's.
    answered: (command, answer) => {
      if (command === serverCommands.refactor || command === serverCommands.resume) {
        showRecord(answer);
      }
    },
    finished: showRecord,
  });
  session = current;
  const handlers: Record<CommandId, () => Promise<void> | void> = {
    [commands.pickDevice]: trusted('Choosing a GPU', () => pickDevice(current)),
    [commands.pickTarget]: trusted('Choosing a target', () => pickTarget(current)),
    [commands.refactorFile]: trusted('Refactoring for energy', async () => {
      showRecord(await refactorFile(current));
    }),
    [commands.showRuns]: trusted('Listing past runs', () => showRuns(current, panels)),
    [commands.showWhatIf]: trusted('Comparing GPUs', () => pages.show(current, whatIfPage)),
    [commands.showReport]: trusted('A report', () => pages.show(current, reportPage)),
    [commands.chooseProfile]: trusted('Importing a profile', () => importProfile(current)),
    [commands.installServer]: trusted('Installing the server', () =>
      installServer(own, current, log),
    ),
    [commands.restart]: trusted('Starting the server', () => current.restart()),
    [commands.showLog]: () => {
      log.show();
    },
  };
  context.subscriptions.push(
    log,
    bar,
    ...Object.entries(handlers).map(([id, handler]) =>
      editor.registerCommand(id, async () => {
        try {
          await handler();
        } catch (reason) {
          failed(reason);
        }
      }),
    ),
    workspace.onDidGrantWorkspaceTrust(() => current.refresh()),
    workspace.onDidChangeConfiguration((change) => {
      const launch = ['jouleline.python', 'jouleline.server.arguments'];
      if (launch.some((name) => change.affectsConfiguration(name))) void current.refresh();
    }),
  );
  // Not awaited: other extensions' activation must not wait for a Python interpreter.
  void current.refresh();
  void followInterpreter(context, current, (reason) => {
    log.warn(describe(reason));
  });
}

function trusted(what: string, act: () => Promise<void>): () => Promise<void> {
  return async () => {
    if (mayStart(what)) await act();
  };
}

async function followInterpreter(
  context: ExtensionContext,
  current: Session,
  report: (reason: unknown) => void,
): Promise<void> {
  const listener = await onInterpreterChange(() => void current.refresh(), report);
  if (listener !== undefined) context.subscriptions.push(listener);
}

export async function deactivate(): Promise<void> {
  await session?.stop();
}
