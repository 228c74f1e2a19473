/** `sweep`: one file that stands for many runs. */
import Type from 'typebox'
import type { TSchema } from 'typebox'
import { bare, closed, count, named, optional, tagged, words, type Filled } from './shapes.ts'
import { validationMetrics } from './training.ts'

const path = 'Keys are paths as `--set` takes them.'
const anything = (description: string) => Type.Unknown({ description })
const values = Type.Array(anything('A value as the file would have it.'), { minItems: 1, description: 'The values of the axis.' })
const when = optional(
  named(anything('The value of that axis, or a list of values of which it has one.'), {
    minProperties: 1,
    description:
      'The axis is there only where each of these other axes has this value, or one of these; other points do without it. Axes go by their paths, by the ends of them, and by variant.',
    examples: [{ variant: 'after-pooling' }, { optimizer: ['adam', 'adamw'] }],
  }),
)
const listed = Type.Union([values, closed({ values, when }, { description: 'Values of an axis that is not there at every point.' })])
const range = (description: string) => Type.Tuple([Type.Number(), Type.Number()], { description })

const drawn = closed(
  {
    uniform: optional(range('From the first to the second, all values equally likely.')),
    logUniform: optional(range('From the first to the second, both above 0, all orders of magnitude equally likely.')),
    choice: optional(Type.Array(anything('A value as the file would have it.'), { minItems: 1, description: 'One of these.' })),
    when,
  },
  {
    oneOf: ['uniform', 'logUniform', 'choice'].map((kind) => ({ required: [kind] })),
    description: 'What one value is drawn from.',
  },
)

const orTheClusters = <S extends TSchema>(schema: S, description: string) =>
  optional(Type.Union([schema, Type.Null()], { default: null, description: `${description} Left out, the cluster's own.` }))

const launchers = {
  local: closed({}, { description: 'Processes on this machine.' }),
  slurm: closed(
    {
      partition: orTheClusters(Type.String({ minLength: 1, examples: ['gpu'] }), 'The partition.'),
      account: orTheClusters(Type.String({ minLength: 1 }), 'Who pays.'),
      timeLimit: orTheClusters(
        Type.Integer({ minimum: 1 }),
        'Minutes for a task. Whoever needs longer is put back in line, and goes on where it was.',
      ),
      cpus: optional(count('Processors of a task; as many threads, unless runtime.threads says otherwise.', { default: 1 })),
      memory: orTheClusters(
        Type.String({ pattern: '^[1-9][0-9]*[KMGT]?$', examples: ['8G'] }),
        'Memory of a task, with K, M, G or T; megabytes without.',
      ),
      gpus: optional(Type.Integer({ minimum: 0, default: 0, description: 'GPUs of a task.' })),
      options: optional(
        Type.Array(Type.String({ pattern: '^--[a-z][a-z-]*(=.*)?$', examples: ['--constraint=avx512'] }), {
          default: [],
          description: "What else the cluster wants to be told: sbatch's own options, each in one word.",
        }),
      ),
    },
    { description: 'An array job, one task for each trial, in a folder that all nodes see.' },
  ),
}

const pruner = {
  warmup: optional(
    Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], {
      default: null,
      description: 'Epochs before the first decision; left out, half of training.epochs, and 2 at least.',
    }),
  ),
  trials: optional(
    count('Other trials of the same seed, judged on the same validation images, that must have come as far before one is stopped.', {
      default: 4,
    }),
  ),
}

const pruneSchema = tagged(
  {
    median: closed(pruner, {
      description: 'After every epoch a trial stops that is worse than the median of the others at that epoch (Golovin et al. 2017).',
    }),
    successiveHalving: closed(
      {
        ...pruner,
        factor: optional(Type.Integer({ minimum: 2, default: 2, description: 'One of so many goes on from each rung.' })),
      },
      {
        description:
          'Rungs at warmup, warmup · factor, warmup · factor² … epochs; from each only the best go on, of those that came there so far (ASHA, Li et al. 2020).',
      },
    ),
  },
  {},
)

/** As the file says it, with its defaults. */
export type Prune = Filled<typeof pruneSchema>

/**
 * Half of the epochs, and 2 at least: on a recorded sweep (docs/sweeps.md) the later winners were among the worst for the first third, perhaps
 * because the moving averages of batch normalizations had not settled.
 */
export function warmupOf(warmup: number | null, epochs: number): number {
  return warmup ?? Math.max(2, Math.ceil(epochs / 2))
}

export const sweepSchema = Type.Union(
  [
    closed({
      variants: optional(
        named(
          Type.Record(Type.String(), anything('A part of an experiment file.'), {
            description: 'A part of an experiment file, laid over this one as `extends` does.',
          }),
          {
            default: {},
            description: 'Named parts of an experiment file: one run for each.',
            examples: [{ plain: {}, normalised: { model: { edit: [] } } }],
          },
        ),
      ),
      axes: optional(
        named(listed, {
          default: {},
          description: `Lists of values, every one with every other; \`when\` says where an axis is there. ${path}`,
          examples: [
            { 'training.batchSize': [32, 128] },
            { 'model.layers.drop.rate': { values: [0.2, 0.4], when: { variant: 'after-pooling' } } },
          ],
        }),
      ),
      zip: optional(
        named(listed, {
          default: {},
          description: `Lists of one length, the first value with the first, the second with the second. ${path}`,
          examples: [{ 'training.batchSize': [32, 128], 'optimizer.learningRate': [0.01, 0.02] }],
        }),
      ),
      random: optional(
        Type.Union(
          [
            closed({
              draws: count('Combinations that are drawn, from the seed.', { examples: [20] }),
              axes: named(drawn, {
                description: `What each value is drawn from. ${path}`,
                examples: [{ 'optimizer.learningRate': { logUniform: [0.0001, 0.1] } }],
              }),
            }),
            Type.Null(),
          ],
          { default: null, description: 'Values drawn at random, in place of lists.' },
        ),
      ),
      repeats: optional(
        count('Seeds of every point: the seed and those after it, with one split. For a claim about a difference 5 or more.', {
          default: 1,
        }),
      ),
      folds: optional(
        Type.Union([Type.Integer({ minimum: 2 }), Type.Null()], {
          default: null,
          description:
            'Cross-validation: every point once for each fold, so that everybody whom the test leaves validates once. Folds are repeats, as seeds are, and go with them: 5 folds and 5 seeds are 25 trainings of a variant.',
          examples: [5],
        }),
      ),
      parallel: optional(
        Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], {
          default: null,
          description:
            'Trainings at once; left out, one on a GPU, else one for each core with a thread each; on Slurm as many as it grants.',
        }),
      ),
      launcher: optional(
        bare(Object.keys(launchers), tagged(launchers, {}), {
          default: 'local',
          description: 'Where trials run.',
          examples: ['local', { slurm: { partition: 'gpu', gpus: 1, cpus: 8, timeLimit: 240 } }],
        }),
      ),
      prune: optional(
        Type.Union([pruneSchema, Type.Null()], {
          default: null,
          description:
            'Stops trials that look hopeless before their last epoch. Variants with a stopped trial have no mean; a claim about a difference wants none.',
          examples: [{ median: {} }, { successiveHalving: { warmup: 3 } }],
        }),
      ),
      metric: optional(
        words(validationMetrics, {
          default: 'val/roc_auc',
          description: "By which the sweep's table and its parent run in MLflow put the points in order, and by which trials are pruned.",
        }),
      ),
    }),
    Type.Null(),
  ],
  { default: null, description: 'Many runs from one file: each point is a run, and the points are compared. Left out, one run.' },
)
