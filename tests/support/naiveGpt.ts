// GPT as the sources print it, in float64 and without any of the engine's code: no padding, no
// cache, no kernels. It owns a random model and can write it down in each of the four layouts.
import type { PartOff } from '../../src/api.ts';
import { noise } from './random.ts';

export interface NaiveConfig {
  readonly layout: 'huggingface' | 'nanogpt' | 'mingpt' | 'notebook';
  readonly V: number;
  readonly S: number;
  readonly L: number;
  readonly H: number;
  readonly C: number;
  readonly F: number;
  readonly qkvBias: boolean;
  readonly bias: boolean;
  readonly normBias: boolean;
  readonly std: boolean;
  readonly exact: boolean;
  /** GPT2Config's; where nothing is said, a GELU. */
  readonly activation?: 'relu' | 'silu' | 'tanh' | 'quick_gelu';
  /** GPT2Config's `scale_attn_weights` and `scale_attn_by_inverse_layer_idx`; true and false where nothing is said. */
  readonly scaled?: boolean;
  readonly inverse?: boolean;
  readonly tied: boolean;
  /** What a LayerNorm adds below its root; 1e-5 where nothing is said. */
  readonly epsilon?: number;
}

type Matrix = readonly Float32Array[]; // [out][in]

interface NaiveBlock {
  readonly ln1: readonly [Float32Array, Float32Array];
  readonly qkv: readonly [Matrix, Matrix, Matrix];
  readonly qkvBias: readonly Float32Array[];
  readonly proj: Matrix;
  readonly projBias: Float32Array;
  readonly ln2: readonly [Float32Array, Float32Array];
  readonly fc: Matrix;
  readonly fcBias: Float32Array;
  readonly out: Matrix;
  readonly outBias: Float32Array;
}

/** What flows while a text is read, each a list of layers of rows. */
interface NaiveFlow {
  /** The residual stream (T, C) before each block and after the last. */
  readonly hidden: number[][][];
  /** The residual stream between attention and MLP. */
  readonly middle: number[][][];
  /** What the parts of each block put out, before anything is switched: heads side by side. */
  readonly outputs: Record<PartOff['part'], number[][][]>;
  /** Where each position looks, (t + 1) weights: layers of heads of positions. */
  readonly maps: number[][][][];
}

/** The config.json of such a model. */
export function configOf(config: NaiveConfig): Record<string, unknown> {
  return {
    n_head: config.H,
    activation_function: config.activation ?? (config.exact ? 'gelu' : 'gelu_new'),
    layer_norm_denominator: config.std ? 'std' : 'variance',
    scale_attn_weights: config.scaled ?? true,
    scale_attn_by_inverse_layer_idx: config.inverse ?? false,
  };
}

export function createNaiveGpt(config: NaiveConfig, seed: number) {
  const { V, S, L, C, F } = config;
  let next = seed * 1_000_003;
  const values = (n: number, mean = 0, std = 1): Float32Array =>
    noise(n, (next += n + 7), mean, std);
  const vector = (n: number, there: boolean): Float32Array =>
    there ? values(n, 0, 0.3) : new Float32Array(n);
  const matrix = (rows: number, columns: number): Matrix =>
    Array.from({ length: rows }, () => values(columns, 0, 1 / Math.sqrt(columns)));
  const norm = (): readonly [Float32Array, Float32Array] => [
    values(C, 1, 0.2),
    vector(C, config.normBias),
  ];
  const wte = Array.from({ length: V }, () => values(C, 0, 0.7));
  const wpe = Array.from({ length: S }, () => values(C, 0, 0.3));
  const blocks: NaiveBlock[] = Array.from({ length: L }, () => ({
    ln1: norm(),
    qkv: [matrix(C, C), matrix(C, C), matrix(C, C)],
    qkvBias: [0, 1, 2].map(() => vector(C, config.qkvBias)),
    proj: matrix(C, C),
    projBias: vector(C, config.bias),
    ln2: norm(),
    fc: matrix(F, C),
    fcBias: vector(F, config.bias),
    out: matrix(C, F),
    outBias: vector(C, config.bias),
  }));
  const lnF = norm();
  const head = config.tied ? wte : matrix(V, C);

  function layerNorm(x: number[], [weight, bias]: readonly [Float32Array, Float32Array]): number[] {
    const mean = x.reduce((a, b) => a + b, 0) / C;
    const squares = x.reduce((a, b) => a + (b - mean) ** 2, 0);
    const spread = config.std ? Math.sqrt(squares / (C - 1)) : squares / C;
    return x.map(
      (v, c) => ((v - mean) / Math.sqrt(spread + (config.epsilon ?? 1e-5))) * weight[c] + bias[c],
    );
  }
  const linear = (x: number[], weight: Matrix, bias?: Float32Array): number[] =>
    weight.map((row, n) => row.reduce((sum, w, k) => sum + w * x[k], bias?.[n] ?? 0));
  /** erf by numerical integration: slow, and nobody else's formula. */
  function erf(x: number): number {
    const steps = 400;
    let sum = 0;
    for (let i = 0; i <= steps; i++) {
      const t = (x * i) / steps;
      sum += Math.exp(-t * t) * (i === 0 || i === steps ? 1 : i % 2 ? 4 : 2);
    }
    return ((2 / Math.sqrt(Math.PI)) * sum * x) / (3 * steps);
  }
  const functions = {
    relu: (v: number) => Math.max(v, 0),
    silu: (v: number) => v / (1 + Math.exp(-v)),
    tanh: Math.tanh,
    quick_gelu: (v: number) => v / (1 + Math.exp(-1.702 * v)),
  };
  const gelu = (v: number): number =>
    config.exact
      ? 0.5 * v * (1 + erf(v / Math.SQRT2))
      : 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)));

  const act = config.activation ? functions[config.activation] : gelu;

  /**
   * What flows through the model, with some parts off; `reference` is the text whose means stand in
   * for parts that are off by mean.
   */
  function flow(
    ids: readonly number[],
    off: readonly PartOff[] = [],
    reference: readonly number[] = [],
  ): NaiveFlow {
    const D = C / config.H;
    const hidden: number[][][] = [];
    const middle: number[][][] = [];
    const outputs: NaiveFlow['outputs'] = { head: [], attention: [], mlp: [] };
    const maps: NaiveFlow['maps'] = [];
    const usual = off.some(({ by }) => by === 'mean') ? flow(reference).outputs : null;
    /** `row` where the part is on; else zeros, or the means of columns `from` … of its output. */
    const unlessOff = (
      row: number[],
      part: PartOff['part'],
      layer: number,
      headAt?: number,
    ): number[] => {
      const found = off.find(
        (o) => o.part === part && o.layer === layer && (part !== 'head' || o.head === headAt),
      );
      if (!found) return row;
      const rows = usual?.[part][layer];
      return row.map((_, d) => {
        if (found.by === 'zero' || !rows) return 0;
        return rows.reduce((sum, r) => sum + r[(headAt ?? 0) * D + d], 0) / rows.length;
      });
    };
    let x = ids.map((id, t) => Array.from(wte[id], (v, c) => v + wpe[t][c]));
    for (const [l, p] of blocks.entries()) {
      hidden.push(x);
      for (const part of Object.values(outputs)) part.push([]);
      maps.push(Array.from({ length: config.H }, () => []));
      const divisor = (config.scaled === false ? 1 : Math.sqrt(D)) * (config.inverse ? l + 1 : 1);
      const normed = x.map((row) => layerNorm(row, p.ln1));
      const [q, k, v] = p.qkv.map((w, i) => normed.map((row) => linear(row, w, p.qkvBias[i])));
      x = x.map((row, t) => {
        const heads: number[] = [];
        const put: number[] = [];
        for (let h = 0; h < config.H; h++) {
          const own = (m: number[][], s: number) => m[s].slice(h * D, (h + 1) * D);
          const scores = Array.from({ length: t + 1 }, (_, s) => {
            const key = own(k, s);
            return own(q, t).reduce((sum, a, d) => sum + a * key[d], 0) / divisor;
          });
          const most = Math.max(...scores);
          const weights = scores.map((score) => Math.exp(score - most));
          const total = weights.reduce((a, b) => a + b);
          maps[l][h].push(weights.map((w) => w / total));
          const result = Array.from({ length: D }, (_, d) =>
            weights.reduce((sum, w, s) => sum + (w / total) * v[s][h * D + d], 0),
          );
          put.push(...result);
          heads.push(...unlessOff(result, 'head', l, h));
        }
        const attended = linear(heads, p.proj, p.projBias);
        outputs.head[l].push(put);
        outputs.attention[l].push(attended);
        const kept = unlessOff(attended, 'attention', l);
        return row.map((a, c) => a + kept[c]);
      });
      middle.push(x);
      x = x.map((row) => {
        const inner = linear(layerNorm(row, p.ln2), p.fc, p.fcBias).map(act);
        const added = linear(inner, p.out, p.outBias);
        outputs.mlp[l].push(added);
        const kept = unlessOff(added, 'mlp', l);
        return row.map((a, c) => a + kept[c]);
      });
    }
    hidden.push(x);
    return { hidden, middle, outputs, maps };
  }

  /** Logits of one row of the residual stream, as if the model ended there. */
  function toLogits(row: number[]): number[] {
    return linear(layerNorm(row, lnF), head);
  }

  /** Logits of every position. */
  function forward(ids: readonly number[]): number[][] {
    return flow(ids).hidden[L].map(toLogits);
  }

  /** The model as a checkpoint of its layout: stored names, shapes and values. */
  function toCheckpoint(prefix = ''): Map<string, { shape: number[]; data: Float32Array }> {
    const stored = new Map<string, { shape: number[]; data: Float32Array }>();
    const put = (name: string, shape: number[], data: Float32Array) =>
      stored.set(prefix + name, { shape, data });
    const rows = (m: Matrix): Float32Array => Float32Array.from(m.flatMap((row) => [...row]));
    const isConv1D = config.layout === 'huggingface';
    const putMatrix = (name: string, m: Matrix): void => {
      const [N, K] = [m.length, m[0].length];
      if (!isConv1D) put(name, [N, K], rows(m));
      else {
        const data = Float32Array.from({ length: N * K }, (_, i) => m[i % N][Math.floor(i / N)]);
        put(name, [K, N], data);
      }
    };
    const putBias = (name: string, bias: Float32Array, there: boolean): void => {
      if (there) put(name, [bias.length], bias);
    };
    const fused = isConv1D || config.layout === 'nanogpt';
    const names = fused
      ? {
          wte: 'transformer.wte.weight',
          wpe: 'transformer.wpe.weight',
          block: 'transformer.h',
          ln1: 'ln_1.weight,ln_1.bias',
          ln2: 'ln_2.weight,ln_2.bias',
          attn: 'attn',
          proj: 'attn.c_proj',
          fc: 'mlp.c_fc',
          out: 'mlp.c_proj',
          lnF: 'transformer.ln_f.weight,transformer.ln_f.bias',
          head: 'lm_head.weight',
        }
      : config.layout === 'mingpt'
        ? {
            wte: 'tok_emb.weight',
            wpe: 'pos_emb',
            block: 'blocks',
            ln1: 'ln1.weight,ln1.bias',
            ln2: 'ln2.weight,ln2.bias',
            attn: 'attn.query,attn.key,attn.value',
            proj: 'attn.proj',
            fc: 'mlp.0',
            out: 'mlp.2',
            lnF: 'ln_f.weight,ln_f.bias',
            head: 'head.weight',
          }
        : {
            wte: 'tok_emb.weight',
            wpe: 'pos_emb.weight',
            block: 'trf_blocks',
            ln1: 'norm1.scale,norm1.shift',
            ln2: 'norm2.scale,norm2.shift',
            attn: 'att.W_query,att.W_key,att.W_value',
            proj: 'att.out_proj',
            fc: 'ff.layers.0',
            out: 'ff.layers.2',
            lnF: 'final_norm.scale,final_norm.shift',
            head: 'out_head.weight',
          };
    const putNorm = (both: string, at: string, [weight, bias]: NaiveBlock['ln1']): void => {
      const [w, b] = both.split(',');
      put(at + w, [C], weight);
      putBias(at + b, bias, config.normBias);
    };
    put(names.wte, [V, C], rows(wte));
    put(names.wpe, config.layout === 'mingpt' ? [1, S, C] : [S, C], rows(wpe));
    blocks.forEach((p, l) => {
      const at = `${names.block}.${l}.`;
      putNorm(names.ln1, at, p.ln1);
      if (fused) {
        putMatrix(`${at}attn.c_attn.weight`, p.qkv.flat());
        const bias = Float32Array.from(p.qkvBias.flatMap((part) => [...part]));
        putBias(`${at}attn.c_attn.bias`, bias, config.qkvBias);
        // Hugging Face and nanoGPT store the causal mask beside the weights.
        put(`${at}attn.bias`, [1, 1, S, S], new Float32Array(S * S));
      } else {
        names.attn.split(',').forEach((name, i) => {
          putMatrix(`${at}${name}.weight`, p.qkv[i]);
          putBias(`${at}${name}.bias`, p.qkvBias[i], config.qkvBias);
        });
        const mask = config.layout === 'mingpt' ? 'attn.mask' : 'att.mask';
        put(at + mask, config.layout === 'mingpt' ? [1, 1, S, S] : [S, S], new Float32Array(S * S));
      }
      putMatrix(`${at}${names.proj}.weight`, p.proj);
      putBias(`${at}${names.proj}.bias`, p.projBias, config.bias);
      putNorm(names.ln2, at, p.ln2);
      putMatrix(`${at}${names.fc}.weight`, p.fc);
      putBias(`${at}${names.fc}.bias`, p.fcBias, config.bias);
      putMatrix(`${at}${names.out}.weight`, p.out);
      putBias(`${at}${names.out}.bias`, p.outBias, config.bias);
    });
    putNorm(names.lnF, '', lnF);
    if (!config.tied) put(names.head, [V, C], rows(head));
    return stored;
  }

  /** The table of positions itself: whoever changes it changes the model. */
  return { forward, flow, toLogits, toCheckpoint, positions: wpe };
}
