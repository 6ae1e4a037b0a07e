// What this adapter can do at best, measured with kernels that do nothing else: the ceilings that
// the benchmark's numbers stand beside.

export interface Ceilings {
  /** Reads of 16-byte words from a 64 MiB buffer. */
  readonly readGBps: number;
  /** f32 multiply-adds in registers, two operations each. */
  readonly registerGflops: number;
  readonly dispatchesPerSecond: number;
  /** Submit, copy 16 bytes, map, read: what a token pays besides its kernels. */
  readonly roundTripsPerSecond: number;
}

const READ = `
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  var sum = vec4<f32>(0.0);
  for (var i = 0u; i < 1024u; i++) { sum += x[id.x * 1024u + i]; }
  out[id.x] = sum.x + sum.y + sum.z + sum.w;
}`;

const REGISTERS = `
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let m = x[0];
  var a = vec4<f32>(f32(id.x)); var b = a + 1.0; var c = a + 2.0; var d = a + 3.0;
  for (var i = 0u; i < 4096u; i++) { a = a * m + m; b = b * m + m; c = c * m + m; d = d * m + m; }
  let e = a + b + c + d;
  out[id.x] = e.x + e.y + e.z + e.w;
}`;

const NOTHING = `
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(1) fn main() { out[0] = x[0].x; }`;

/** Probes a device; a few seconds on a software adapter. */
export async function probeCeilings(gpu: GPUDevice): Promise<Ceilings> {
  const size = 64 << 20;
  const x = gpu.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
  gpu.queue.writeBuffer(x, 0, new Float32Array(1 << 20).fill(0.5));
  const out = gpu.createBuffer({
    size: 65536 * 4,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
  });
  const back = gpu.createBuffer({
    size: 16,
    usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
  });

  async function secondsOf(code: string, groups: number, dispatches: number): Promise<number> {
    const module = gpu.createShaderModule({ code });
    const pipeline = gpu.createComputePipeline({ layout: 'auto', compute: { module } });
    const group = gpu.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [x, out].map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
    const run = async (count: number): Promise<number> => {
      await gpu.queue.onSubmittedWorkDone();
      const start = performance.now();
      const encoder = gpu.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      for (let i = 0; i < count; i++) pass.dispatchWorkgroups(groups);
      pass.end();
      gpu.queue.submit([encoder.finish()]);
      await gpu.queue.onSubmittedWorkDone();
      return (performance.now() - start) / 1000;
    };
    await run(1);
    return run(dispatches);
  }

  const reads = 8;
  const readSeconds = await secondsOf(READ, size / 16 / 1024 / 64, reads);
  const registerGroups = 64;
  const registerSeconds = await secondsOf(REGISTERS, registerGroups, 4);
  const dispatches = 5000;
  const dispatchSeconds = await secondsOf(NOTHING, 1, dispatches);

  const trips = 100;
  const start = performance.now();
  for (let i = 0; i < trips; i++) {
    const encoder = gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(out, 0, back, 0, 16);
    gpu.queue.submit([encoder.finish()]);
    await back.mapAsync(GPUMapMode.READ);
    back.unmap();
  }
  const tripSeconds = (performance.now() - start) / 1000;
  for (const buffer of [x, out, back]) buffer.destroy();
  return {
    readGBps: (reads * size) / readSeconds / 1e9,
    registerGflops: (registerGroups * 64 * 4096 * 4 * 8 * 4) / registerSeconds / 1e9,
    dispatchesPerSecond: dispatches / dispatchSeconds,
    roundTripsPerSecond: trips / tripSeconds,
  };
}
