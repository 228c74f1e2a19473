/** Which loss is minimised, by the experiment's loss and the network's head. */
import type { Loss } from '../experiment/experiment.ts'
import type { Network } from '../network/plan.ts'

/** What is minimised over the two logits of one sigmoid unit is the unit's own cross-entropy: that over the two classes. */
export function objective(loss: Loss, head: Network['head']): Loss {
  return head === 'sigmoid' ? 'binaryCrossentropy' : loss
}
