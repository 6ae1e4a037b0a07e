// What npm run train prints of what happens.

/** A line for an event of the library's `train`. */
export function said(event) {
  switch (event.type) {
    case 'plan': {
      const { base, weights, gradients, moments, activations, logits, masks, total } = event.plan;
      const parts = { base, weights, gradients, moments, activations, logits, masks };
      const words = Object.entries(parts).filter(([, bytes]) => bytes > 0);
      return `Memory: ${megabytes(total)} (${words.map(([name, bytes]) => `${name} ${megabytes(bytes)}`).join(', ')}).`;
    }
    case 'start': {
      const { step, max_steps, parameters, trainable, tokensAStep, checkpoint } = event;
      const adapter =
        trainable === parameters ? '' : `, ${count(trainable)} of an adapter that learn`;
      // One that is past its end says so itself.
      const of = step > max_steps ? '' : ` of ${count(max_steps)}`;
      const from = checkpoint ? `, from ${checkpoint}` : '';
      return `${count(parameters)} parameters${adapter}, ${count(tokensAStep)} tokens a step, step ${count(step)}${of}${from}.`;
    }
    case 'step':
      return `step ${event.step}  loss ${event.loss.toFixed(4)}  learning rate ${event.learning_rate.toExponential(2)}  gradient ${event.grad_norm.toFixed(2)}  ${count(Math.round(event.tokensPerSecond))} tokens/s  epoch ${event.epoch.toFixed(2)}`;
    case 'evaluation':
      return `step ${event.step}  validation loss ${event.eval_loss.toFixed(4)}`;
    case 'sample':
      return `step ${event.step}  ${JSON.stringify(event.prompt)} → ${JSON.stringify(event.text)}`;
    case 'checkpoint':
      return `step ${event.step}  ${event.name} (${megabytes(event.sizeBytes)})`;
    default:
      return `step ${event.step}  ${asFlags(`${event.message} ${event.hint}`)}`;
  }
}

/** What went wrong; an error of no words of ours with where it came from. */
export function saidOf({ message, usage, hint, stack }) {
  if (usage) return `${message}\nUsage: ${usage}`;
  return hint ? asFlags(`${message}\n${hint}`) : stack;
}

/** Options of the library that are named otherwise here. */
function asFlags(text) {
  return text
    .replaceAll('resume_from_checkpoint', '--resume')
    .replaceAll('unknown: "skip"', '--unknown skip');
}

export function count(number) {
  return number.toLocaleString('en');
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
