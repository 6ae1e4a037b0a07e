// A machine may be ten times slower than ours on a quiet day: what is waited for ends when it holds, and only a failure
// takes as long as this.
import { vi } from 'vitest';

const PATIENCE_MS = 60_000;

const { waitFor } = vi;
vi.waitFor = (callback, options) =>
  waitFor(callback, typeof options === 'number' ? options : { timeout: PATIENCE_MS, ...options });
