/** The answer of the server's command `jouleline.devices`. */
export interface Devices {
  readonly current: string;
  readonly devices: readonly Device[];
}

export interface Device {
  readonly id: string;
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
}

export interface DeviceChoice {
  readonly id: string;
  readonly label: string;
  readonly description: string;
  readonly detail: string;
}

/**
 * The current GPU comes first, so that Enter at once changes nothing. The id is the label: of what is typed
 * the editor takes labels that begin so first, and `h200` would else find GH200.
 */
export function deviceChoices({ current, devices }: Devices): DeviceChoice[] {
  const choices = devices.map(({ id, name, vendor, architecture }) => ({
    id,
    label: id === current ? `$(check) ${id}` : id,
    description: name,
    // Most names begin with their vendor's, and in its own letters.
    detail: [name.toLowerCase().startsWith(vendor.toLowerCase()) ? '' : vendor, architecture]
      .filter((part) => part !== '')
      .join(' · '),
  }));
  const isCurrent = (choice: DeviceChoice): number => (choice.id === current ? 1 : 0);
  return choices.sort((a, b) => isCurrent(b) - isCurrent(a));
}
