// A helper that takes one piece of a call (kernels/wasm/share.c) and never ends it: what a thread that dies leaves.
import { parentPort } from 'node:worker_threads';

parentPort?.on('message', ({ memory, control }) => {
  const tickets = new BigUint64Array(memory.buffer, control, 1);
  parentPort?.postMessage('waits');
  for (;;) {
    const ticket = Atomics.load(tickets, 0);
    const [pieces, taken] = [(ticket >> 16n) & 0xffffn, ticket & 0xffffn];
    if (taken >= pieces) continue;
    if (Atomics.compareExchange(tickets, 0, ticket, ticket + 1n) === ticket) break;
  }
  parentPort?.postMessage('has one');
});
