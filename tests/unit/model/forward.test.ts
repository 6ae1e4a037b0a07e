// Passes as plain values, on the processor.
import { createCpuDevice } from '../../../src/gpu/cpu/device.ts';
import { describePasses } from '../../support/passContract.ts';

describePasses('a pass on the processor', () => Promise.resolve(createCpuDevice()));
