// What the site is sent with, said once: the content security policy, and the two headers that isolate the page.
// `preview` and `npm start` send them with every file, `_headers` asks static hosts to, and the service worker adds them
// where none of them did. The built page has the policy in its head too; the dev server sends the isolation alone.
// @ts-check
import { createHash } from 'node:crypto';

/** Models may come from any https host that people name, or from a server on this machine; nothing else leaves the origin. */
export const POLICY = [
  "default-src 'self'",
  // The last lets WebAssembly be compiled, and no text be run as code.
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "worker-src 'self'",
  "connect-src 'self' https: http://localhost:* http://127.0.0.1:*",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/**
 * Isolates page and worker (`crossOriginIsolated`), so that threads may share memory: no window of another origin
 * reaches the page, and it embeds nothing of another origin that has not agreed to it. What comes by CORS, as every
 * file of a model does, has agreed by that.
 */
export const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/**
 * What every file of the site is to be sent with. A `<meta>` in the page does not govern its workers: a worker
 * takes its policy from its own response, and the engine, which makes every request to another host, is a worker.
 * Nor does a worker start in an isolated page whose own script came without the embedder policy.
 */
export const HEADERS = { 'Content-Security-Policy': POLICY, ...ISOLATION };

/** `_headers`, as Netlify and Cloudflare Pages read it. */
export const HEADERS_FILE = `/*\n${Object.entries(HEADERS)
  .map(([name, value]) => `  ${name}: ${value}\n`)
  .join('')}`;

/**
 * Stands in the names of workers' scripts. A cache keeps a file with the headers that it came with, and without the
 * embedder policy a worker does not start in an isolated page: under other headers it is another file.
 */
export const HEADERS_ID = createHash('sha256').update(HEADERS_FILE).digest('hex').slice(0, 8);

/**
 * Has a dev server isolate its pages. Its option `server.headers` would leave answers of "not modified" without, and
 * a worker's script that a browser kept from before would not start.
 * @returns {import('vite').Plugin}
 */
export function isolation() {
  return {
    name: 'isolation',
    configureServer({ middlewares }) {
      middlewares.use((_, response, next) => {
        for (const [name, value] of Object.entries(ISOLATION)) response.setHeader(name, value);
        next();
      });
    },
  };
}
