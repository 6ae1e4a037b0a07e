// A helper that takes one piece of a call, is starved until it is given up, and then goes on with its
// piece, as a thread would: it writes where the call's results were to go, for as long as it lives.
import { parentPort } from 'node:worker_threads';
import { takePiece } from './takePiece.mjs';

/** Words of the control block (share.c), and of linear.c's parameters. */
const [PARAMETERS, STOP, OUT] = [3, 7, 4];

parentPort?.on('message', ({ memory, control }) => {
  parentPort?.postMessage('ready');
  takePiece(memory, control);
  const words = new Int32Array(memory.buffer, control, 8);
  const at = new Uint32Array(memory.buffer, words[PARAMETERS])[OUT];
  while (Atomics.load(words, STOP) === 0) Atomics.wait(words, STOP, 0, 5);
  const out = new Float32Array(memory.buffer, at, 1024);
  for (;;) out.fill(NaN);
});
