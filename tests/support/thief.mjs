// A helper that takes one piece of a call and never ends it: what a thread that dies leaves.
import { parentPort } from 'node:worker_threads';
import { takePiece } from './takePiece.mjs';

parentPort?.on('message', ({ memory, control }) => {
  parentPort?.postMessage('waits');
  takePiece(memory, control);
  parentPort?.postMessage('has one');
});
