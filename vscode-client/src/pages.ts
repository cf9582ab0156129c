import { randomBytes } from 'node:crypto';
import { commands as editor, ViewColumn, window, type WebviewPanel } from 'vscode';
import { serverCommands, type ServerCommandId } from './names';
import { activeSource } from './refactorFile';
import type { Session } from './session';

/** A page that the server writes about a document, in Markdown. */
interface Page {
  readonly command: ServerCommandId;
  readonly title: (name: string) => string;
}

export const whatIfPage: Page = {
  command: serverCommands.whatIf,
  title: (name) => `${name} on other GPUs`,
};
export const reportPage: Page = {
  command: serverCommands.report,
  title: (name) => `Bounds of ${name}`,
};

/** At most one panel for each kind of page: asked for again, it is written anew. */
export class Pages {
  private readonly open = new Map<ServerCommandId, WebviewPanel>();

  async show(session: Session, page: Page): Promise<void> {
    const { document } = activeSource(
      'open a CUDA, HIP, C++ or C file first; the page is about it.',
    );
    const { markdown } = await session.request<{ markdown: string }>(page.command, {
      uri: session.uri(document),
    });
    // The editor's own renderer, whose output it makes safe.
    const body = await editor.executeCommand<string>('markdown.api.render', markdown);
    const panel = this.open.get(page.command) ?? this.create(page.command);
    panel.title = page.title(document.uri.path.split('/').at(-1) ?? '');
    panel.webview.html = html(body, randomBytes(16).toString('hex'));
    panel.reveal(undefined, true);
  }

  private create(command: ServerCommandId): WebviewPanel {
    const panel = window.createWebviewPanel(
      'jouleline.page',
      'Jouleline',
      { viewColumn: ViewColumn.Beside, preserveFocus: true },
      { enableScripts: false, enableFindWidget: true, localResourceRoots: [] },
    );
    this.open.set(command, panel);
    panel.onDidDispose(() => this.open.delete(command));
    return panel;
  }
}

function html(body: string, nonce: string): string {
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'nonce-${nonce}'">
<style nonce="${nonce}">${style}</style></head><body>${body}</body></html>`;
}

const style = `
body { max-width: 64rem; margin: 0 auto; padding: 1rem 1.25rem 3rem; line-height: 1.5;
  color: var(--vscode-foreground); font-family: var(--vscode-font-family);
  font-size: var(--vscode-font-size, 13px); }
h1 { font-size: 1.5em; font-weight: 600; } h2 { font-size: 1.15em; font-weight: 600; margin-top: 2rem; }
code { font-family: var(--vscode-editor-font-family, monospace); overflow-wrap: anywhere; }
/* A table that is wider than the panel scrolls by itself. */
table { display: block; max-width: 100%; overflow-x: auto; border-collapse: collapse;
  font-variant-numeric: tabular-nums; margin: .75rem 0; }
th, td { padding: .3rem .8rem .3rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--vscode-widget-border, rgba(128, 128, 128, .35)); }
th { color: var(--vscode-descriptionForeground); font-weight: normal; }
/* The policy keeps the renderer's inline styles from being applied; they say which columns are figures. */
[style*='text-align:right'] { text-align: right; }
td[style*='text-align:right'] { white-space: nowrap; }
img { max-width: 100%; }
`;
