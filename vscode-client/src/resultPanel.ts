import { randomBytes } from 'node:crypto';
import { FileSystemError, Uri, ViewColumn, window, workspace, type WebviewPanel } from 'vscode';
import { parseEvents } from './panel/events';
import { renderPage } from './panel/page';
import { parseResult } from './panel/record';

/** The pages of runs, at most one each. They are read from the record, and nothing is written. */
export class ResultPanels {
  private readonly open = new Map<string, WebviewPanel>();

  constructor(private readonly icon: Uri) {}

  /** Shows the run whose record is this folder, beside the code and without taking the focus. */
  async show(folder: string): Promise<void> {
    const record = Uri.file(folder);
    const result = parseResult(await text(Uri.joinPath(record, 'result.json')));
    const events = parseEvents(await text(Uri.joinPath(record, 'events.jsonl'), ''));
    const panel = this.open.get(folder) ?? this.create(folder);
    const program = result.program.split(/[\\/]/).filter((part) => part !== '');
    panel.title = `Energy of ${program.at(-1) ?? 'a run'}`;
    panel.webview.html = renderPage({ result, events, folder }, randomBytes(16).toString('hex'));
    panel.reveal(undefined, true);
  }

  private create(folder: string): WebviewPanel {
    const panel = window.createWebviewPanel(
      'jouleline.result',
      'Jouleline',
      { viewColumn: ViewColumn.Beside, preserveFocus: true },
      { enableScripts: false, enableFindWidget: true, localResourceRoots: [] },
    );
    panel.iconPath = this.icon;
    this.open.set(folder, panel);
    panel.onDidDispose(() => this.open.delete(folder));
    return panel;
  }
}

async function text(file: Uri, missing?: string): Promise<string> {
  try {
    return new TextDecoder().decode(await workspace.fs.readFile(file));
  } catch (reason) {
    if (missing !== undefined) return missing;
    if (reason instanceof FileSystemError && reason.code === 'FileNotFound') {
      throw new Error(`${file.fsPath} does not exist: the run did not end, or was deleted.`, {
        cause: reason,
      });
    }
    throw reason;
  }
}
