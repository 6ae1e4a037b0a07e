// The engine's own code in Node: Vite makes JavaScript of it, a module at a time.
import { fileURLToPath } from 'node:url';
import { createServer } from 'vite';
import { buildConstants } from './constants.mjs';

/** `load(path)` of a module of the repository, and `close()`. */
export async function openEngineHere() {
  const vite = await createServer({
    root: fileURLToPath(new URL('..', import.meta.url)),
    configFile: false,
    logLevel: 'error',
    appType: 'custom',
    define: buildConstants(),
    oxc: { target: 'es2023' },
    optimizeDeps: { noDiscovery: true, include: [] },
    server: { middlewareMode: true, hmr: false, watch: null, ws: false },
  });
  return { load: (path) => vite.ssrLoadModule(path), close: () => vite.close() };
}
