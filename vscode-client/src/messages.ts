import { commands as editor, window } from 'vscode';
import { MessageType } from 'vscode-languageclient/node';
import { brief } from './brief';
import { commands } from './names';

const openSetting = {
  label: 'Open Setting',
  run: () => editor.executeCommand('workbench.action.openSettings', 'jouleline.python'),
};
const install = {
  label: 'Install',
  run: () => editor.executeCommand(commands.installServer),
};
const trust = {
  label: 'Manage Trust',
  run: () => editor.executeCommand('workbench.trust.manage'),
};
const tryAgain = { label: 'Try Again', run: () => editor.executeCommand(commands.restart) };
const restart = { label: 'Restart', run: () => editor.executeCommand(commands.restart) };
const showLog = { label: 'Show Log', run: () => editor.executeCommand(commands.showLog) };

interface Action {
  readonly label: string;
  readonly run: () => Thenable<unknown>;
}

type Show = (message: string, ...labels: string[]) => Thenable<string | undefined>;

/** Returns at once: a message may stay on screen for hours, and nothing should wait for it. */
function tell(show: Show, message: string, ...actions: readonly Action[]): void {
  void show(brief(message), ...actions.map(({ label }) => label)).then((label) =>
    actions.find((action) => action.label === label)?.run(),
  );
}

function complain(message: string, ...actions: readonly Action[]): void {
  tell(window.showErrorMessage, message, ...actions);
}

/** A message of the server. One without a button is shown as one line, which would hide a reason. */
export function serverSaid(type: MessageType, message: string): void {
  if (type === MessageType.Error) complain(message, showLog);
  else if (type === MessageType.Warning) tell(window.showWarningMessage, message, showLog);
  else tell(window.showInformationMessage, message);
}

export function noPython(problem: string): void {
  complain(problem, install, openSetting, tryAgain);
}

/** An environment of the extension's own would not be used while the setting names another. */
export function wrongSetting(problem: string): void {
  complain(problem, openSetting, tryAgain);
}

export function untrusted(problem: string): void {
  complain(problem, trust);
}

export function serverGone(problem: string): void {
  complain(problem, restart, showLog);
}

export function commandFailed(reason: unknown): void {
  complain(`Jouleline: ${describe(reason)}`, showLog);
}

export function describe(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
