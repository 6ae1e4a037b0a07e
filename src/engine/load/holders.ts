// Who keeps a device open: models of one run follow one another on it, and it goes with the last of them.
import type { Device } from '../../gpu/device.ts';

/** How many hold a device; one does, of those that are not here. */
const holders = new WeakMap<Device, number>();

/** One more keeps the device open, as long as another one does. */
export function hold(device: Device): Device {
  holders.set(device, (holders.get(device) ?? 1) + 1);
  return device;
}

/** One keeps it open no longer; called once by each. The last one disposes it. */
export function letGo(device: Device): void {
  const left = (holders.get(device) ?? 1) - 1;
  if (left > 0) holders.set(device, left);
  else device.dispose();
}
