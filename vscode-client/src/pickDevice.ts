import { ConfigurationTarget, window, workspace } from 'vscode';
import { deviceChoices, type Devices } from './device';
import { serverCommands } from './names';
import type { Session } from './session';
import { section } from './settings';

export async function pickDevice(session: Session): Promise<void> {
  const devices = await session.request<Devices>(serverCommands.devices);
  const choice = await window.showQuickPick(deviceChoices(devices), {
    title: 'Jouleline: Choose GPU',
    placeHolder: 'The GPU that bounds are computed for',
    matchOnDescription: true,
    matchOnDetail: true,
  });
  if (choice === undefined) return;
  await session.request(serverCommands.selectDevice, { gpu: choice.id });
  // Remembered last: only a device that the server took is worth remembering.
  const target =
    workspace.workspaceFolders === undefined
      ? ConfigurationTarget.Global
      : ConfigurationTarget.Workspace;
  await workspace.getConfiguration(section).update('gpu', choice.id, target);
}
