/**
 * Milliseconds that this process has computed so far. Bounds on growth are taken from it and not from the
 * clock, which goes on while other programs have the cores. Node only.
 */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
