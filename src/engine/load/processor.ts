// The processor as a device: kernels of WebAssembly where it may run, plain loops where not.
import { EngineError } from '../../errors.ts';
import { createCpuDevice } from '../../gpu/cpu/device.ts';
import { MOST_PIECES, Wasm, type WasmModule } from '../../gpu/cpu/wasm.ts';
import type { Device } from '../../gpu/device.ts';
import { CPU_TWINS } from '../../kernels/cpuTwins.ts';

export interface ProcessorOptions {
  /**
   * `relaxed` may fuse a multiply and an add, which changes last bits from one processor to another; `exact` gives the
   * same numbers everywhere; `none` is plain TypeScript. By default the first of them that works here.
   */
  readonly wasm?: 'relaxed' | 'exact' | 'none' | undefined;
  /** How many threads compute at most; by default as many as there are cores, up to four. More than one needs a page that is cross-origin isolated. */
  readonly threads?: number | undefined;
}

/** Rows of a prompt that kernels of WebAssembly take at once: each reads all weights, and stopping is heard between kernels. */
const ROWS = 64;

const KINDS = ['relaxed', 'exact', 'none'] as const;

/** Throws `options/wasm` or `options/threads` for what is none. */
export function checkProcessor({ wasm, threads }: ProcessorOptions = {}): void {
  if (wasm !== undefined && !KINDS.includes(wasm)) {
    throw new EngineError(`wasm is ${said(wasm)}; expected relaxed, exact or none.`, {
      code: 'options/wasm',
      hint: 'Leave wasm out for what runs here.',
    });
  }
  const isCount =
    Number.isInteger(threads) && Number(threads) >= 1 && Number(threads) <= MOST_PIECES;
  if (threads === undefined || isCount) return;
  throw new EngineError(
    `threads is ${said(threads)}; expected a whole number from 1 to ${MOST_PIECES}.`,
    { code: 'options/threads', hint: 'Leave threads out for as many as suit this machine.' },
  );
}

/** A value as it would be written. */
function said(value: unknown): string {
  return typeof value === 'number' ? String(value) : JSON.stringify(value);
}

interface Standing {
  /** Whether it computes because WebGPU was waited for in vain. */
  readonly standsIn?: boolean;
}

/**
 * Never rejects for want of WebAssembly, unless it was asked for by name: throws `options/wasm` then, and `options/threads`
 * for what is no number of threads.
 */
export async function createProcessor({
  standsIn = false,
  ...options
}: ProcessorOptions & Standing = {}): Promise<Device> {
  checkProcessor(options);
  // They come while the module does; who has a GPU asks for neither.
  const twins = options.wasm === 'none' ? null : import('../../kernels/wasm/twins.ts');
  twins?.catch(() => {});
  const wasm = await start(options);
  if (wasm === null) return createCpuDevice('f32', { twins: CPU_TWINS, standsIn });
  const { wasmTwins } = await (twins ?? import('../../kernels/wasm/twins.ts'));
  return createCpuDevice('f32', {
    standsIn,
    twins: wasmTwins(wasm),
    memory: wasm.heap,
    tools: wasm,
    // A model as large as that is loaded with smaller weights.
    limits: { maxBufferSize: wasm.heap.maxBytes },
    rowsPerPass: ROWS,
    describe: () => describe(wasm),
    ready: () => wasm.settled(),
    dispose: () => void wasm.stop(),
  });
}

async function start({ wasm, threads }: ProcessorOptions): Promise<Wasm | null> {
  if (wasm === 'none') return null;
  let refused: unknown;
  for (const kind of wasm === undefined ? (['relaxed', 'exact'] as const) : [wasm]) {
    try {
      return await Wasm.start(await moduleOf(kind), { threads });
    } catch (error) {
      // A policy, a processor or a browser without an instruction, no shared memory: nothing else says so.
      refused = error;
    }
  }
  if (wasm === undefined) return null;
  const why = refused instanceof Error ? refused.message : String(refused);
  throw new EngineError(`The ${wasm} kernels of WebAssembly do not run here: ${why}`, {
    code: 'options/wasm',
    hint: 'Leave wasm out for what runs here.',
    cause: refused,
  });
}

/** Each is a file of its own, which only those load who run it. */
async function moduleOf(kind: WasmModule['kind']): Promise<WasmModule> {
  const { BYTES } =
    kind === 'relaxed'
      ? await import('../../kernels/wasm/relaxed.ts')
      : await import('../../kernels/wasm/exact.ts');
  const chars = atob(BYTES);
  const bytes = new Uint8Array(chars.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = chars.charCodeAt(i);
  return { kind, bytes };
}

function describe({ kind, threads }: Wasm): string {
  const count = threads === 1 ? '1 thread' : `${threads} threads`;
  return `WebAssembly, ${count}${kind === 'relaxed' ? ', relaxed SIMD' : ''}`;
}
