import { readFileSync } from 'node:fs';

/**
 * Milliseconds that this thread has computed so far, or this process where the system does not tell of threads. Bounds
 * on growth are taken from it and not from the clock, which goes on while other programs, and other files of tests in
 * threads of this process, have the cores. Node only.
 */
export function cpuMs(): number {
  try {
    const [nanoseconds] = readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ');
    return Number(nanoseconds) / 1e6;
  } catch {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  }
}
