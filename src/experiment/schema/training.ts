/** `training`, `evaluation`, `runtime` and `tracking`: how long, on what, and where the story is told. */
import Type from 'typebox'
import { atLeastZero, closed, count, named, optional, words, yesOrNo } from './shapes.ts'

/** The metrics of validation that are logged every epoch: the only ones that a choice may rest on. */
export const validationMetrics = [
  'val/loss',
  'val/accuracy',
  'val/balanced_accuracy',
  'val/roc_auc',
  'val/average_precision',
  'val/f1',
  'val/sensitivity',
  'val/specificity',
] as const

export type Goal = 'maximize' | 'minimize'

/** The direction in which a metric becomes better is no matter of taste. */
export function goalOf(metric: string): Goal {
  return metric === 'val/loss' ? 'minimize' : 'maximize'
}

const chosen = {
  metric: words(validationMetrics, {
    description:
      'A metric of the validation images, logged every epoch. With more than two classes f1, roc_auc and average_precision are means over classes, each against the rest.',
    examples: ['val/balanced_accuracy'],
  }),
  goal: words(['maximize', 'minimize'], { description: 'Which way is better.' }),
}

export const trainingSchema = closed(
  {
    epochs: count('Times that every training image is seen.', { examples: [40] }),
    batchSize: optional(
      count('Images of one step. One batch of an epoch may be smaller, counts exactly, and stands in the middle.', { default: 32 }),
    ),
    select: optional(
      Type.Union([closed(chosen), Type.Null()], {
        default: null,
        description: "Which epoch's weights are the run's weights; left out, the last epoch's.",
        examples: [{ metric: 'val/balanced_accuracy', goal: 'maximize' }],
      }),
    ),
    earlyStopping: optional(
      Type.Union(
        [
          closed({
            ...chosen,
            patience: count('Epochs without a better value before training stops.', { examples: [10] }),
            minDelta: optional(atLeastZero('A smaller gain than this does not count.', { default: 0 })),
          }),
          Type.Null(),
        ],
        { default: null, description: 'Stop when a validation metric has not become better for a while; left out, train every epoch.' },
      ),
    ),
    onNonFinite: optional(
      words(['stop', 'restoreAndHalveRate'], {
        default: 'stop',
        description:
          'What to do when the loss is no number any more: stop, or go back to the last checkpoint and train on from there at half the learning rate, ten times at most. A run that stopped may be resumed with the other.',
      }),
    ),
  },
  { title: 'Training', description: 'How long, in what portions, and which weights are kept.' },
)

export const evaluationSchema = closed(
  {
    threshold: optional(
      Type.Union(
        [
          Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 }),
          words(['maxBalancedAccuracy', 'youden']),
          closed({
            atSpecificity: Type.Number({
              exclusiveMinimum: 0,
              maximum: 1,
              description: 'The highest sensitivity of all thresholds with at least this specificity on validation.',
              examples: [0.9],
            }),
          }),
        ],
        {
          default: 0.5,
          description:
            'From which probability of the positive class an image counts as positive: a number, or chosen on the validation images and applied to the test unchanged. Two classes only.',
        },
      ),
    ),
    batchSize: optional(count('Images of one evaluation step; changes speed and memory, not results.', { default: 256 })),
  },
  { title: 'Evaluation', description: 'How probabilities become decisions.', default: {} },
)

export const runtimeSchema = closed(
  {
    device: optional(
      words(['auto', 'cpu', 'gpu'], {
        default: 'auto',
        description: 'auto uses a GPU where there is one; gpu fails where there is none.',
      }),
    ),
    precision: optional(
      words(['float32', 'tf32', 'bfloat16'], {
        default: 'float32',
        description:
          'How exactly a GPU computes. tf32 rounds what is multiplied to 10 bits; bfloat16 rounds it to 7 and keeps images between layers in 2 bytes, while weights, statistics and loss stay float32. The CPU computes in float32 only.',
      }),
    ),
    backend: optional(words(['tensorflow'], { default: 'tensorflow', description: 'What computes.' })),
    threads: optional(
      Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], {
        default: null,
        description:
          "Threads of TensorFlow's operations; left out, as many as the machine has cores. Results are bit for bit the same only for one count.",
      }),
    ),
    imageBudget: optional(
      count('Bytes of images that may stay in memory as uint8; beyond, they are read ahead batch by batch with the same result.', {
        default: 1073741824,
      }),
    ),
  },
  { title: 'Runtime', description: 'What the training runs on.', default: {} },
)

const registration = {
  name: Type.String({ pattern: '^[^/:]+$', description: 'The name in the registry, without / and :. Every run adds a version.' }),
  alias: optional(
    Type.Union([Type.String({ pattern: '^[A-Za-z0-9_-]+$' }), Type.Null()], {
      default: null,
      description:
        'What points to the newest version from then on, as in `models:/cancernet@candidate`; MLflow reserves latest and v1, v2 …',
      examples: ['candidate'],
    }),
  ),
}

export const trackingSchema = closed(
  {
    experiment: optional(
      Type.Union([Type.String({ minLength: 1 }), Type.Null()], {
        default: null,
        description: "The MLflow experiment, and the folder under runs/; left out, the file's name.",
        examples: ['cancernet'],
      }),
    ),
    required: optional(yesOrNo('A tracking server that fails stops the run instead of a warning.', false)),
    enabled: optional(yesOrNo('Log to MLflow at all; the journal is always written.', true)),
    tags: optional(named(Type.String(), { default: {}, description: 'Tags of the MLflow run.', examples: [{ cohort: 'pilot' }] })),
    register: optional(
      Type.Union([closed(registration), Type.Null()], {
        default: null,
        description: "Registers a finished run's model in MLflow; left out, it is logged with the run only.",
        examples: [{ name: 'cancernet', alias: 'candidate' }],
      }),
    ),
  },
  { title: 'Tracking', description: 'Where the run is logged.', default: {} },
)
