// Builds and serves the site. Everything it loads comes from its own origin, and the built page says so in its policy.
import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';
import { buildConstants } from './scripts/constants.mjs';
import { HEADERS, HEADERS_FILE, HEADERS_ID, POLICY, isolation } from './scripts/policy.mjs';

const LICENCES = 'licenses.md';

/**
 * Puts the content security policy first in the head of the built page, and beside the page a file that has static
 * hosts send it as a header, with the others (the dev server has no policy: it needs inline scripts).
 */
function contentSecurityPolicy(): Plugin {
  return {
    name: 'content-security-policy',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler: (html) => {
        if (!html.includes('<head>')) throw new Error('index.html has no <head> for the policy.');
        const meta = `<meta http-equiv="Content-Security-Policy" content="${POLICY}" />`;
        return html.replace('<head>', `<head>\n    ${meta}`);
      },
    },
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: '_headers', source: HEADERS_FILE });
    },
  };
}

/**
 * Has the preview send everything as it is. It would compress what has no type of its own, on each visit: half a second
 * for the weights of a model, for a few per cent less, on a line that is this machine's own.
 */
function asItIs(): Plugin {
  return {
    name: 'as-it-is',
    configurePreviewServer({ middlewares }) {
      middlewares.use(({ headers }, _, next) => {
        delete headers['accept-encoding'];
        next();
      });
    },
  };
}

/**
 * Has the browser fetch what draws the page together with what starts it: the first script imports it later, once the
 * engine's worker has been started.
 */
function preloadPage(): Plugin {
  const ENTRY = '/src/ui/showPage.tsx';
  return {
    name: 'preload-page',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler: (html, { bundle = {} }) => {
        const chunks = Object.values(bundle).filter((one) => one.type === 'chunk');
        const page = chunks.find(({ facadeModuleId }) => facadeModuleId?.endsWith(ENTRY));
        if (!page) throw new Error(`The build has no chunk for ${ENTRY}.`);
        const found = new Set([page]);
        for (const { imports } of found) {
          for (const chunk of chunks) if (imports.includes(chunk.fileName)) found.add(chunk);
        }
        const scripts = [...found].map(({ fileName }) => fileName);
        const styles = [...found].flatMap(({ viteMetadata }) => [
          ...(viteMetadata?.importedCss ?? []),
        ]);
        const linked = (rel: string, files: readonly string[]) =>
          [...new Set(files)]
            .filter((file) => !html.includes(`"./${file}"`))
            .map((file) => ({
              tag: 'link',
              attrs: { rel, crossorigin: true, href: `./${file}` },
              injectTo: 'head' as const,
            }));
        return [...linked('modulepreload', scripts), ...linked('stylesheet', styles)];
      },
    },
  };
}

/**
 * Leaves the comments of shaders at home, and the spaces that only people read: 7 kB of what the worker is as gzip. The
 * library, which people read, keeps them.
 */
function bareShaders(): Plugin {
  const WANTED = /\.wgsl\?raw$/;
  return {
    name: 'bare-shaders',
    apply: 'build',
    enforce: 'pre',
    load: {
      filter: { id: WANTED },
      handler(id) {
        const source = readFileSync(id.replace(/\?raw$/, ''), 'utf8');
        const bare = source
          .replace(/\/\/.*$/gm, '')
          .replace(/^\s+/gm, '')
          .replace(/ *([=;:,(){}[\]]) */g, '$1');
        return `export default ${JSON.stringify(bare)};`;
      },
    },
  };
}

/** Adds js-tiktoken to the list of bundled licences: Vite's own list leaves out what only a worker imports. */
function workerLicences(): Plugin {
  return {
    name: 'worker-licences',
    apply: 'build',
    writeBundle: ({ dir }) => {
      const folder = 'node_modules/js-tiktoken';
      const facts = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
      const source = facts.repository?.url ?? facts.homepage ?? 'https://github.com/dqbd/tiktoken';
      appendFileSync(
        `${dir}/${LICENCES}`,
        `\n## ${facts.name} - ${facts.version} (${facts.license})\n\nGPT-2's merge ranks. Source and licence: ${source}\n`,
      );
    },
  };
}

const SERVICE_WORKER = 'service-worker.js';
const OWN_MODEL = 'models/tales-7m';

/** Tells the service worker what there is to keep: every file of the build, and the page's own model. */
function keptFiles(): Plugin {
  return {
    name: 'kept-files',
    apply: 'build',
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        const worker = bundle[SERVICE_WORKER];
        if (worker?.type !== 'chunk') throw new Error(`The build has no ${SERVICE_WORKER}.`);
        if (worker.imports.length > 0 || worker.exports.length > 0) {
          throw new Error(`${SERVICE_WORKER} is to stand alone.`);
        }
        const built = Object.keys(bundle).filter((name) => name.startsWith('assets/'));
        const site = readdirSync('public').filter((name) => name.includes('.'));
        const model = readdirSync(`public/${OWN_MODEL}`)
          .filter((name) => !/^(?:README|expected)/.test(name))
          .map((name) => `${OWN_MODEL}/${name}`);
        const hash = createHash('sha256').update(built.join());
        for (const name of ['index.html', ...[...site, ...model].map((path) => `public/${path}`)]) {
          hash.update(readFileSync(name));
        }
        const values = {
          __FILES__: [...built, ...site],
          __MODEL_FILES__: model,
          __BUILD__: hash.digest('hex').slice(0, 16),
          __HEADERS__: HEADERS,
        };
        for (const [name, value] of Object.entries(values)) {
          worker.code = worker.code.replaceAll(name, JSON.stringify(value));
        }
      },
    },
  };
}

// The 545 kB of GPT-2's merge ranks stay out of every other chunk, so that the page opens before they arrive.
const RANKS = { name: 'ranks', test: /js-tiktoken[\\/]dist[\\/]ranks/ };

type Graph = { getModuleInfo(id: string): { readonly importedIds: readonly string[] } | null };

/**
 * One chunk for all that `entry` imports statically, where thirty small ones, each shared with some view that may open
 * later, would be asked for one by one. The entry itself stands apart where it waits for what imports from here.
 */
function allOf(entry: string, name: string, { alone = false } = {}) {
  const root = fileURLToPath(new URL(entry, import.meta.url));
  let all: Set<string> | null = null;
  const found = (graph: Graph): Set<string> => {
    const ids = new Set([root]);
    for (const id of ids) {
      for (const next of graph.getModuleInfo(id)?.importedIds ?? []) ids.add(next);
    }
    return ids;
  };
  return {
    name(id: string, graph: Graph) {
      all ??= found(graph);
      return all.has(id) && !(alone && id === root) ? name : null;
    },
  };
}

export default defineConfig({
  base: './',
  appType: 'mpa', // one page, no routes: a missing model file is a 404, not index.html
  plugins: [
    isolation(),
    asItIs(),
    react(),
    preloadPage(),
    bareShaders(),
    contentSecurityPolicy(),
    workerLicences(),
    keptFiles(),
  ],
  define: buildConstants(),
  oxc: { target: 'es2023' }, // lowers `using`
  build: {
    target: 'es2023',
    license: { fileName: LICENCES },
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { index: 'index.html', serviceWorker: 'src/offline/serviceWorker.ts' },
      output: {
        codeSplitting: {
          groups: [
            RANKS,
            allOf('src/main.ts', 'start', { alone: true }),
            allOf('src/ui/showPage.tsx', 'page', { alone: true }),
          ],
        },
        // Its address may never change, and what it may keep lies below it.
        entryFileNames: ({ name }) =>
          name === 'serviceWorker' ? SERVICE_WORKER : 'assets/[name]-[hash].js',
      },
    },
  },
  worker: {
    format: 'es',
    plugins: () => [bareShaders()],
    rolldownOptions: {
      output: {
        codeSplitting: { groups: [RANKS, allOf('src/worker/worker.ts', 'engine')] },
        entryFileNames: `assets/worker-[name]-${HEADERS_ID}-[hash].js`,
      },
    },
  },
  // Named here, because a dependency discovered by the worker would reload the page on its first visit.
  optimizeDeps: {
    include: [
      'react',
      'react-dom/client',
      'react/jsx-dev-runtime',
      'react-error-boundary',
      'zustand',
      'js-tiktoken/ranks/gpt2',
    ],
  },
  server: { host: '127.0.0.1', port: 5173 },
  preview: { host: '127.0.0.1', port: 4173, headers: HEADERS },
});
