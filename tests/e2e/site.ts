// The built site on a plain static host: files and nothing else, on a line that can be made to hang.
import { readFile } from 'node:fs/promises';
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

/** Without headers but these; the line can hang, or end at a gateway that is alone. */
export async function serveSite(headers: Readonly<Record<string, string>> = {}) {
  let line: 'up' | 'hangs' | 'gateway' = 'up';
  let asked: string[] = [];
  const give = async (path: string, response: ServerResponse): Promise<void> => {
    const type = TYPES[extname(path)] ?? 'application/octet-stream';
    try {
      const body = await readFile(`dist${path}`);
      response
        .writeHead(200, { ...headers, 'content-type': type, 'cache-control': 'no-cache' })
        .end(body);
    } catch {
      response.writeHead(404).end();
    }
  };
  const server = createServer(({ url = '' }, response) => {
    const path = url.replace(/[?#].*/u, '').replace(/\/$/u, '/index.html');
    // The browser itself asks for a newer one, when it likes.
    if (path !== '/service-worker.js') asked.push(path);
    if (line === 'gateway') response.writeHead(503).end('Service unavailable');
    else if (line === 'up') void give(path, response);
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
