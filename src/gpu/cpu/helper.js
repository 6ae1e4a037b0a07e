// A helper: a thread that does pieces of what the engine's thread computes (kernels/wasm/share.c), in a page's
// worker or in Node's. It has no model and no numbers of its own, only a view of the same memory.
// @ts-check

/** @type {{ postMessage(message: unknown): void, on?: (name: string, hear: (data: any) => void) => void } | null | undefined} */
const node = globalThis.process?.getBuiltinModule?.('node:worker_threads').parentPort;

/** @param {{ module: WebAssembly.Module, memory: WebAssembly.Memory, control: number, thread: number, looks: number }} start */
function begin({ module, memory, control, thread, looks }) {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  (node ?? globalThis).postMessage('ready');
  // Until it is told to stop, or ended.
  /** @type {(control: number, thread: number, looks: number) => void} */ (exports.help)(
    control,
    thread,
    looks,
  );
  globalThis.close?.();
}

if (node) node.on?.('message', begin);
else globalThis.onmessage = ({ data }) => begin(data);
