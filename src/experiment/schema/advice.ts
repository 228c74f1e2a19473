/** `rules`: what is allowed but seldom meant, and how much each of these weighs in a file. */
import Type from 'typebox'
import type { Severity } from '../../diagnostics/diagnostic.ts'
import { closed, optional, words } from './shapes.ts'
import type { Filled } from './shapes.ts'

function weight(severity: Severity, description: string) {
  const off = closed({ off: Type.String({ minLength: 1, description: 'Why it does not apply here.', examples: ['as the paper has it'] }) })
  return optional(Type.Union([words(['error', 'warning', 'note']), off], { default: severity, description }))
}

export const adviceSchema = closed(
  {
    'softmax-twice': weight('error', 'A softmax is fed with the probabilities of another one, which flattens them.'),
    'bias-before-batch-norm': weight('warning', 'A bias stands right before a batch normalization, which subtracts it again.'),
    'dropout-before-batch-norm': weight(
      'warning',
      'A dropout stands right before a batch normalization, whose statistics then differ between training and inference (Li et al. 2019).',
    ),
    'augmentation-moves-away': weight('warning', 'The augmentation moves an image by more than half of it, so that mostly fill is left.'),
    'decay-kills-rate': weight('warning', 'Over the planned steps the learning rate falls below a thousandth of what it began with.'),
    'batch-exceeds-training': weight('warning', 'One batch holds more than there are training images.'),
    'same-as-extended': weight('note', 'A key says again what the extended file says already, and so changes nothing.'),
    'sweep-axis-changes-nothing': weight('warning', 'Whatever value an axis of the sweep takes, the experiment is the same.'),
    'sweep-points-equal': weight('warning', 'Two points of the sweep are the same experiment once everything is written out.'),
    'sweep-when-idle': weight('warning', 'The condition of an axis holds at no point of the sweep, or at every one.'),
    'sweep-prunes-nothing': weight('warning', 'The sweep is to be pruned, and none of its trials can ever be stopped.'),
    'batch-of-one': weight('warning', 'A batch of a single image meets a batch normalization, which has no variance to divide by.'),
  },
  {
    title: 'Rules',
    description:
      'How much an advice weighs: error, warning, note, or { off: why it does not apply here }. Faults that make numbers mean nothing cannot be switched off.',
    default: {},
    examples: [{ 'dropout-before-batch-norm': { off: 'as the tutorial has it' } }],
  },
)

export type Rules = Filled<typeof adviceSchema>
