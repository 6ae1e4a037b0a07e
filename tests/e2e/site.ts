// The built site on a plain static host: files and nothing else, on a line that can be made to hang.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
};

/**
 * Without headers but these; the line can hang, or end at a gateway that is alone. A `model` is a folder of this
 * machine that the site has as `models/gpt2`.
 */
export async function serveSite(headers: Readonly<Record<string, string>> = {}, model = '') {
  let line: 'up' | 'hangs' | 'gateway' = 'up';
  let asked: string[] = [];
  const give = async (path: string, isHead: boolean, response: ServerResponse): Promise<void> => {
    const type = TYPES[extname(path)] ?? 'application/octet-stream';
    const own = '/models/gpt2/';
    const isModel = model !== '' && path.startsWith(own);
    const file = isModel ? `${model}/${path.slice(own.length)}` : `dist${path}`;
    const { size } = await stat(file).catch(() => ({ size: null }));
    if (size === null) {
      response.writeHead(404).end();
      return;
    }
    const about = { 'content-type': type, 'content-length': size, 'cache-control': 'no-cache' };
    response.writeHead(200, { ...headers, ...about });
    if (isHead) response.end();
    // Whoever goes away in the middle is no matter.
    else createReadStream(file, { highWaterMark: 1 << 20 }).pipe(response);
  };
  const server = createServer(({ url = '', method }, response) => {
    const path = url.replace(/[?#].*/u, '').replace(/\/$/u, '/index.html');
    // The browser itself asks for a newer one, when it likes.
    if (path !== '/service-worker.js') asked.push(path);
    if (line === 'gateway') response.writeHead(503).end('Service unavailable');
    else if (line === 'up') void give(path, method === 'HEAD', response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/?device=cpu&seed=7`,
    turn(now: typeof line): void {
      line = now;
      asked = [];
    },
    asked: () => asked,
    close(): void {
      server.closeAllConnections();
      server.close();
    },
  };
}
