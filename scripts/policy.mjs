// The content security policy, said once: the built page has it in its head, `preview` and `npm start` send it with every
// file, `_headers` asks static hosts to, and the service worker adds it where none of them did.
// @ts-check

/** Models may come from any https host that people name, or from a server on this machine; nothing else leaves the origin. */
export const POLICY = [
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

/**
 * What every file of the site is to be sent with. A `<meta>` in the page does not govern its workers: a worker
 * takes its policy from its own response, and the engine, which makes every request to another host, is a worker.
 */
export const HEADERS = { 'Content-Security-Policy': POLICY };

/** `_headers`, as Netlify and Cloudflare Pages read it. */
export const HEADERS_FILE = `/*\n${Object.entries(HEADERS)
  .map(([name, value]) => `  ${name}: ${value}\n`)
  .join('')}`;
