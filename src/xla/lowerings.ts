/** The table of lowerings: every operation that a step of runner can trace, apart from those on variables (lower-step.ts). */
import { batchNorm } from './batch-norm.ts'
import { convolutions } from './convolutions.ts'
import { crossEntropy } from './cross-entropy.ts'
import { elementwise } from './elementwise.ts'
import type { Lowering } from './lowering.ts'
import { pooling } from './pooling.ts'
import { products } from './products.ts'
import { random } from './random.ts'
import { shapes } from './shapes.ts'
import { warp } from './warp.ts'

const table = {
  ...elementwise,
  ...shapes,
  ...products,
  ...convolutions,
  ...pooling,
  ...batchNorm,
  ...crossEntropy,
  ...random,
  ...warp,
} satisfies Record<string, Lowering>

export const loweredOperations: readonly string[] = Object.keys(table)

/** Undefined where there is none. */
export function loweringOf(operation: string): Lowering | undefined {
  return (table as Readonly<Record<string, Lowering | undefined>>)[operation]
}
