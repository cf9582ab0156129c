import {
  StatusBarAlignment,
  ThemeColor,
  window,
  type Disposable,
  type StatusBarItem,
} from 'vscode';
import { languages } from './names';
import { statusView, targetView, type Status, type StatusView } from './status';

/**
 * Status bar items and not language status items: the latter hide the GPU's name behind a hover,
 * and the name is what makes every bound on screen readable.
 */
export class StatusBar implements Disposable {
  private readonly device = item('status', 'Jouleline', 100);
  private readonly target = item('target', 'Jouleline Target', 99);
  private readonly listener = window.onDidChangeActiveTextEditor(() => {
    this.render();
  });
  private status: Status = { kind: 'starting' };

  show(status: Status): void {
    this.status = status;
    this.render();
  }

  dispose(): void {
    this.listener.dispose();
    this.device.dispose();
    this.target.dispose();
  }

  private render(): void {
    show(this.device, statusView(this.status));
    show(this.target, targetView(this.status));
  }
}

function item(id: string, name: string, priority: number): StatusBarItem {
  const created = window.createStatusBarItem(`jouleline.${id}`, StatusBarAlignment.Right, priority);
  created.name = name;
  return created;
}

function show(shown: StatusBarItem, view: StatusView | undefined): void {
  const language = window.activeTextEditor?.document.languageId;
  const ours = languages.some((one) => one === language);
  if (view === undefined || !(view.always || ours)) {
    shown.hide();
    return;
  }
  shown.text = view.text;
  shown.tooltip = view.tooltip;
  shown.command = view.command;
  shown.backgroundColor =
    view.severity === 'none'
      ? undefined
      : new ThemeColor(`statusBarItem.${view.severity}Background`);
  shown.show();
}
