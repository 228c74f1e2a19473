/** What a resumed run holds against what its journal says. */
import { expect, it } from 'vitest'
import { flattenParameters } from '../../src/experiment/flatten-parameters.ts'
import type { Recorded } from '../../src/journal/events.ts'
import { differentParameters } from '../../src/run/differences.ts'
import { dense, experimentWith, flatten } from '../network/stack.ts'

const { experiment } = experimentWith([flatten, dense(2, { activation: 'softmax' })], { shape: [4, 4, 3], classes: 2 })
const journalled = (values: Readonly<Record<string, string>>): readonly Recorded[] => [{ type: 'parameters', values, sequence: 0, at: 0 }]

it('takes a run from before there was a precision for one in float32', () => {
  const { 'runtime.precision': _, ...older } = flattenParameters(experiment)
  expect(differentParameters(journalled(older), experiment)).toEqual([])
  const rougher = { ...experiment, runtime: { ...experiment.runtime, precision: 'bfloat16' as const } }
  expect(differentParameters(journalled(older), rougher)).toMatchObject([{ expected: 'float32', received: 'bfloat16' }])
  expect(differentParameters(journalled(flattenParameters(rougher)), rougher)).toEqual([])
})
