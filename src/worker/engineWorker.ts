// The engine's worker.
import { LocalEngine } from '../engine/localEngine.ts';
import { type HostPort, serve } from './channel.ts';
import { engineHandlers } from './engineHandlers.ts';
import type { EngineTreaty } from './protocol.ts';

serve<EngineTreaty>(globalThis as unknown as HostPort, engineHandlers(new LocalEngine()));
