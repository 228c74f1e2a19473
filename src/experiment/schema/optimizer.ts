/** `optimizer`: the update rules as Keras 3 has them, and how the learning rate changes. */
import Type from 'typebox'
import { aboveZero, atLeastZero, bare, closed, optional, share, shortened, tagged, words, yesOrNo } from './shapes.ts'

const initial = aboveZero('The first learning rate, after any warm-up.', { examples: [0.01] })
const epochsOfCurve = (description: string) =>
  optional(Type.Union([aboveZero('Epochs.'), Type.Null()], { default: null, description: `${description} Left out, training.epochs.` }))
const decayed = Type.Union([atLeastZero('Per step.'), words(['perEpochs'])], {
  description: 'The rate is divided by 1 + decay · t, t the step from 0. perEpochs stands for the learning rate / training.epochs.',
  examples: ['perEpochs', 0.0001],
})

const scheduleSchema = tagged(
  {
    constant: shortened(
      closed({ initial }),
      { key: 'initial', schema: aboveZero('The rate.') },
      { description: 'The same rate throughout.' },
    ),
    inverseTimeDecay: closed({ initial, decay: decayed }, { description: 'initial / (1 + decay · t), t the step from 0.' }),
    cosine: closed(
      { initial, final: optional(atLeastZero('The last rate.', { default: 0 })), epochs: epochsOfCurve('Epochs from first to last.') },
      { description: 'Half a cosine from initial to final.' },
    ),
    step: closed(
      {
        initial,
        factor: Type.Number({
          exclusiveMinimum: 0,
          exclusiveMaximum: 1,
          description: 'Multiplies the rate at each step.',
          examples: [0.5],
        }),
        epochs: aboveZero('Epochs between steps.'),
      },
      { description: 'Multiplied by factor every so many epochs.' },
    ),
  },
  {
    warmup: optional(
      Type.Union([closed({ epochs: aboveZero('Epochs from 0 to the first rate, in a straight line.', { examples: [1] }) }), Type.Null()], {
        default: null,
        description: 'Start gently.',
      }),
    ),
  },
)

const common = (rate: number) => ({
  learningRate: optional(
    Type.Union([aboveZero('The same rate throughout.'), scheduleSchema], {
      default: rate,
      description:
        'A number, or a curve over the training: { cosine: … }, { step: … } or { inverseTimeDecay: … }, each with an optional warmup.',
      examples: [0.01, { cosine: { initial: 0.01 }, warmup: { epochs: 2 } }],
    }),
  ),
  decay: optional(
    Type.Union([atLeastZero('Per step.'), words(['perEpochs']), Type.Null()], {
      default: null,
      description:
        'The learning rate is divided by 1 + decay · t, t the step from 0. perEpochs stands for learningRate / training.epochs. Only with a plain number as learningRate.',
      examples: ['perEpochs', 0.0001],
    }),
  ),
})
const epsilon = optional(aboveZero('Keeps the divisor from 0.', { default: 1e-7 }))
const momentum = optional(share('Share of the last update that goes on.', { default: 0 }))
const betas = {
  beta1: optional(share('Decay of the mean of the gradients.', { default: 0.9 })),
  beta2: optional(share('Decay of the mean of their squares.', { default: 0.999 })),
}

const optimizers = {
  sgd: closed(
    { ...common(0.01), momentum, nesterov: optional(yesOrNo("Nesterov's momentum.", false)) },
    { description: 'Gradient descent: w -= lr · g, with momentum where asked.' },
  ),
  adagrad: closed(
    { ...common(0.001), initialAccumulatorValue: optional(atLeastZero('First sum of squares.', { default: 0.1 })), epsilon },
    { description: 'acc += g²; w -= lr · g / sqrt(acc + epsilon).' },
  ),
  rmsprop: closed(
    {
      ...common(0.001),
      rho: optional(share('Decay of the mean of the squares.', { default: 0.9 })),
      momentum,
      epsilon,
      centered: optional(yesOrNo('Subtract the squared mean gradient.', false)),
    },
    { description: 'Divides by the root of the running mean of squared gradients.' },
  ),
  adam: closed({ ...common(0.001), ...betas, epsilon }, { description: 'Adam, as Keras has it.' }),
  adamw: closed(
    {
      ...common(0.001),
      ...betas,
      epsilon,
      weightDecay: optional(atLeastZero('Share of each weight taken off per step, times the rate.', { default: 0.004 })),
    },
    { description: 'Adam with decoupled weight decay.' },
  ),
}

export const optimizerSchema = bare(Object.keys(optimizers), tagged(optimizers, {}), {
  title: 'Optimizer',
  description: 'The update rule: a map with exactly one kind, or the bare name of a kind.',
  examples: [{ adagrad: { learningRate: 0.01, decay: 'perEpochs' } }, 'adam'],
})
