import { commands as editor, window, workspace, type ExtensionContext } from 'vscode';
import { commandFailed, describe } from './messages';
import { commands, type CommandId } from './names';
import { pickDevice } from './pickDevice';
import { onInterpreterChange } from './pythonExtension';
import { refactorFile } from './refactorFile';
import { Session } from './session';
import { StatusBar } from './statusBar';

let session: Session | undefined;

export function activate(context: ExtensionContext): void {
  const log = window.createOutputChannel('Jouleline', { log: true });
  const bar = new StatusBar();
  const current = new Session(context.extensionPath, log, (status) => {
    bar.show(status);
  });
  session = current;
  const handlers: Record<CommandId, () => Promise<void> | void> = {
    [commands.pickDevice]: () => pickDevice(current),
    [commands.refactorFile]: () => refactorFile(current),
    [commands.restart]: () => current.restart(),
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
          log.error(describe(reason));
          commandFailed(reason);
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
