// Runs in Deno, whose WebGPU is wgpu: compiles WGSL with naga, a front end that knows nothing of Tint, and makes a
// pipeline of each module. Reads [{ name, code }] from the file named first, writes [{ name, messages }] to the second.
// @ts-check
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';

const [from = '', to = ''] = process.argv.slice(2);
/** @type {{ name: string, code: string }[]} */
const modules = JSON.parse(readFileSync(from, 'utf8'));

const adapter = await navigator.gpu?.requestAdapter();
if (!adapter) throw new Error('Deno finds no adapter: neither a Vulkan driver nor OpenGL.');
const { maxStorageBuffersPerShaderStage } = adapter.limits;
const device = await adapter.requestDevice({ requiredLimits: { maxStorageBuffersPerShaderStage } });
const { description, vendor } = adapter.info;
console.log(`naga on ${description || vendor || 'an adapter without a name'}`);

const results = [];
for (const { name, code } of modules) {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ label: name, code });
  const { messages } = await module.getCompilationInfo();
  const found = messages.map((m) => `${m.lineNum}:${m.linePos} ${m.type} ${m.message}`);
  // Every override of ours has a default, so the module alone makes a pipeline.
  device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: name } });
  const error = await device.popErrorScope();
  if (error && found.length === 0) found.push(error.message);
  results.push({ name, messages: found });
}
writeFileSync(to, JSON.stringify(results));
device.destroy();
