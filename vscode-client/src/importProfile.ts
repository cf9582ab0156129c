import { window } from 'vscode';
import { serverCommands } from './names';
import { activeSource } from './refactorFile';
import type { Session } from './session';

interface ImportAnswer {
  readonly kernels: number;
  /** What came of it, as a sentence. */
  readonly message: string;
}

/** Takes the counts of a profiler's files in place of estimates. */
export async function importProfile(session: Session): Promise<void> {
  const { document } = activeSource(
    'open a CUDA, HIP, C++ or C file first; the profile is of its program.',
  );
  const chosen = await window.showOpenDialog({
    title: 'Import Profile',
    openLabel: 'Import',
    canSelectMany: true,
    filters: { 'CSV of ncu or rocprof': ['csv'], 'All files': ['*'] },
  });
  if (chosen === undefined) return;
  const answer = await session.request<ImportAnswer>(serverCommands.importProfile, {
    uri: session.uri(document),
    files: chosen.map((file) => file.fsPath),
  });
  const show = answer.kernels > 0 ? window.showInformationMessage : window.showWarningMessage;
  void show(answer.message);
}
