// npm start: from a fresh clone to a page in the browser. Checks Node, installs what is missing, builds, serves, prints the URL.
// Options: --port N, --host NAME, --open.
// @ts-check
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkNode, fail, install, root } from './setup.mjs';

checkNode();
const { port, host, open } = readOptions();
install();

// The built page, not the development one: it opens at once, and React is several times faster in it.
const { build, preview } = await import('vite');
const outDir = mkdtempSync(join(tmpdir(), 'glass-gpt-'));
process.once('exit', () => rmSync(outDir, { recursive: true, force: true }));
/** @type {import('vite').PreviewServer} */
let server;
try {
  await build({ root, logLevel: 'error', build: { outDir, emptyOutDir: true } });
  server = await preview({
    root,
    logLevel: 'error',
    build: { outDir },
    preview: { port, host, open, strictPort: false },
  });
} catch (error) {
  fail(`The page could not start: ${error instanceof Error ? error.message : String(error)}`);
}
const address = server.httpServer.address();
const actual = typeof address === 'object' && address ? address.port : port;
const shown = host === '127.0.0.1' ? 'localhost' : host;
console.log(`Glass GPT is running at http://${shown}:${actual}/ (Ctrl-C stops it)`);

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.once(signal, () => {
    setTimeout(() => process.exit(0), 1000).unref(); // an open page must not keep the server alive
    void server.close().finally(() => process.exit(0));
  });
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        port: { type: 'string', default: '5173' },
        host: { type: 'string', default: '127.0.0.1' },
        open: { type: 'boolean', default: false },
      },
    });
    const number = Number(values.port);
    if (!Number.isInteger(number) || number < 0 || number > 65_535) {
      throw new Error(`--port ${values.port} is not a port number`);
    }
    return { port: number, host: values.host, open: values.open };
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('. ')[0] : String(error);
    return fail(`npm start: ${reason}; it takes --port N, --host NAME and --open after "--".`);
  }
}
