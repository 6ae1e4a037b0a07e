// What is said when something is asked of a model that is gone.
import { EngineError } from '../errors.ts';

export function disposedError(): EngineError {
  return new EngineError('This model was disposed.', {
    code: 'engine/disposed',
    hint: 'Load the model again.',
  });
}
