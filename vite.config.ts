// Builds and serves the site. Everything it loads comes from its own origin, and the built page says so in its policy.
import { appendFileSync, readFileSync } from 'node:fs';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';
import { buildConstants } from './scripts/constants.mjs';

const LICENCES = 'licenses.md';

// Models may come from any https host the user names, or from a server on this machine; nothing else leaves the origin.
const POLICY = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "worker-src 'self'",
  "connect-src 'self' https: http://localhost:* http://127.0.0.1:*",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** Puts the content security policy first in the head of the built page (the dev server needs inline scripts). */
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

// The 545 kB of GPT-2's merge ranks stay out of every other chunk, so that the page opens before they arrive.
const codeSplitting = {
  groups: [{ name: 'ranks', test: /js-tiktoken[\\/]dist[\\/]ranks/ }],
};

export default defineConfig({
  base: './',
  appType: 'mpa', // one page, no routes: a missing model file is a 404, not index.html
  plugins: [react(), contentSecurityPolicy(), workerLicences()],
  define: buildConstants(),
  oxc: { target: 'es2023' }, // lowers `using`
  build: {
    target: 'es2023',
    license: { fileName: LICENCES },
    modulePreload: { polyfill: false },
    rolldownOptions: { output: { codeSplitting } },
  },
  worker: {
    format: 'es',
    rolldownOptions: {
      output: { codeSplitting, entryFileNames: 'assets/worker-[name]-[hash].js' },
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
  preview: { host: '127.0.0.1', port: 4173 },
});
