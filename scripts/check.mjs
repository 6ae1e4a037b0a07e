// npm run check: everything that can be said without running the program. Every step runs; any warning fails.
// @ts-check
import { spawnSync } from 'node:child_process';
import { root } from './setup.mjs';

const steps = [
  { name: 'types', args: ['node_modules/typescript/bin/tsc'] },
  { name: 'lint', args: ['node_modules/oxlint/bin/oxlint', '--type-aware', '--deny-warnings'] },
  { name: 'format', args: ['node_modules/oxfmt/bin/oxfmt', '--check'] },
  { name: 'shaders', args: ['scripts/check-wgsl.mjs'] },
  {
    name: 'unused',
    args: ['node_modules/knip/bin/knip.js', '--no-progress', '--treat-config-hints-as-errors'],
  },
];

let failed = 0;
for (const { name, args } of steps) {
  const started = Date.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`${status === 0 ? 'ok    ' : 'failed'} ${name} (${seconds} s)`);
  if (status !== 0) {
    failed++;
    console.log(`${stdout}${stderr}`.trimEnd());
  }
}
process.exit(failed === 0 ? 0 : 1);
