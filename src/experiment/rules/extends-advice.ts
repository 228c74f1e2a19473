/** What a file says that changes nothing of the file it extends. */
import type { Diagnostic } from '../../diagnostics/diagnostic.ts'
import { advise } from '../advice.ts'
import type { Located } from '../experiment.ts'
import type { Repeated } from '../read-experiment.ts'

export function extendsAdvice(located: Located, repeated: readonly Repeated[]): Diagnostic[] {
  return repeated.flatMap(({ path, place }) => {
    const name = path.join('.')
    const advice = { message: `${name} has this value in the extended file already`, hint: 'Leave the key out.' }
    return advise(located, 'same-as-extended', name, advice).map((diagnostic) => ({ ...diagnostic, place }))
  })
}
