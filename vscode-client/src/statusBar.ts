import { StatusBarAlignment, ThemeColor, window, type Disposable } from 'vscode';
import { languages } from './names';
import { statusView, type Status } from './status';

/**
 * A status bar item and not a language status item: the latter hides the GPU's name behind a
 * hover, and the name is what makes every bound on screen readable.
 */
export class StatusBar implements Disposable {
  private readonly item = window.createStatusBarItem(
    'jouleline.status',
    StatusBarAlignment.Right,
    100,
  );
  private readonly listener = window.onDidChangeActiveTextEditor(() => {
    this.render();
  });
  private status: Status = { kind: 'starting' };

  constructor() {
    this.item.name = 'Jouleline';
  }

  show(status: Status): void {
    this.status = status;
    this.render();
  }

  dispose(): void {
    this.listener.dispose();
    this.item.dispose();
  }

  private render(): void {
    const view = statusView(this.status);
    this.item.text = view.text;
    this.item.tooltip = view.tooltip;
    this.item.command = view.command;
    this.item.backgroundColor =
      view.severity === 'none'
        ? undefined
        : new ThemeColor(`statusBarItem.${view.severity}Background`);
    const language = window.activeTextEditor?.document.languageId;
    if (view.always || languages.some((ours) => ours === language)) this.item.show();
    else this.item.hide();
  }
}
