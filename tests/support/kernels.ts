// Every kernel there is: what the files of src/kernels export, alone or as the variants of an op.
import type { Kernel } from '../../src/gpu/kernel.ts';
import type { Variant } from '../../src/kernels/variants.ts';

const modules = import.meta.glob<Record<string, unknown>>('../../src/kernels/*.ts', {
  eager: true,
});

export function allKernels(): readonly Kernel[] {
  const found = Object.values(modules)
    .flatMap((module) => Object.values(module))
    .flat()
    .map((value) => (value as Partial<Variant<never>> | null)?.kernel ?? value)
    .filter((value): value is Kernel => typeof (value as Kernel | null)?.source === 'string');
  return [...new Set(found)].toSorted((a, b) => a.name.localeCompare(b.name));
}
