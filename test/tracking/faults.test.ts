/** The fault campaigns in their short form: `npm run torture -- proxy` and `-- disk` are the long ones. */
import { expect, it } from 'vitest'
import { torture } from '../../torture/proxy.ts'

it('a way to MLflow that is spoilt changes no training, and after sync MLflow equals the journal', async () => {
  const said: string[] = []
  const say = (line: string): void => void said.push(line)
  const result = await torture({ faults: 20, seed: 7, share: 0.5, epochs: 4, patches: 96, trainings: 1, say })
  expect(result.differences, said.join('\n')).toEqual([])
  expect(result.faults).toBeGreaterThanOrEqual(20)
  expect(Object.keys(result.counts).length).toBeGreaterThan(8)
})
