// A real browser page with the engine's modules at hand, for scripts: Vite serves the repository,
// and any folder of the disk beside it, on loopback. The page is isolated, as the built one is,
// unless somebody asks for one that is not.
import { createReadStream, existsSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright';
import { createServer } from 'vite';
import { buildConstants } from './constants.mjs';
import { isolation } from './policy.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Serves the repository's modules to a page, and whatever `plugins` add. */
export async function serveEngine(plugins = [], { isolated = true } = {}) {
  const server = await createServer({
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    appType: 'mpa',
    define: buildConstants(),
    // A cache of its own: another server's would be thrown away by the one that starts later.
    cacheDir: join(ROOT, 'node_modules/.vite/engine-page'),
    optimizeDeps: {
      include: [
        'js-tiktoken/lite',
        'js-tiktoken/ranks/gpt2',
        '@noble/hashes/legacy.js',
        '@noble/hashes/sha2.js',
        '@noble/hashes/utils.js',
      ],
    },
    // Nothing may reload the page while it measures.
    server: { host: '127.0.0.1', port: 0, hmr: false, watch: null },
    plugins: [...(isolated ? [isolation()] : []), ...plugins],
  });
  await server.listen();
  const { port } = server.httpServer.address();
  return { server, origin: `http://127.0.0.1:${port}` };
}

/**
 * Opens the page; `urlOf(i)` is where folder number i is served. Where it is not `isolated`, its threads may share no
 * memory.
 */
export async function openEnginePage(folders = [], { isolated = true } = {}) {
  const { server, origin } = await serveEngine([folderPlugin(folders)], { isolated });
  const { launchOptions } = await import('../tests/chromium.ts').catch(() =>
    server.ssrLoadModule('/tests/chromium.ts'),
  );
  const browser = await chromium.launch({ ...launchOptions, headless: true });
  const page = await browser.newPage();
  page.on('pageerror', (error) => console.error(error.message));
  await page.goto(`${origin}/tests/support/blank.html`);
  return {
    page,
    browser,
    urlOf: (i) => `/disk/${i}/`,
    async close() {
      await browser.close();
      await server.close();
    },
  };
}

/** What browsers run only under its own type. */
const TYPES = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

function folderPlugin(folders) {
  return {
    name: 'folders-from-disk',
    configureServer(server) {
      server.middlewares.use('/disk/', (request, response) => {
        const [, index, file] =
          /^\/(\d+)\/((?:\w[\w.-]*\/)*\w[\w.-]*)(?:\?|$)/.exec(request.url ?? '') ?? [];
        const path = file && folders[index] ? join(folders[index], file) : '';
        if (!path || !existsSync(path) || !statSync(path).isFile()) {
          response.statusCode = 404;
          response.end();
          return;
        }
        const type = TYPES[extname(path)];
        if (type) response.setHeader('content-type', type);
        response.setHeader('content-length', statSync(path).size);
        createReadStream(path).pipe(response);
      });
    },
  };
}
