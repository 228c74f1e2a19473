/**
 * `npm test`: the whole set-up, then every test; arguments go to vitest. Says what was skipped and why; the last line is
 * `N passed, N failed` (and `, N skipped`). Exit code 0 only when something ran and nothing failed.
 */
import { prepareOrExplain } from './prepare.mjs'

/** A test file that does not load, or an error outside of any test, is a failure too, and has no test to count. */
function count(vitest) {
  const modules = vitest.state.getTestModules()
  const tests = modules.flatMap((module) => [...module.children.allTests()])
  const withState = (state) => tests.filter((test) => test.result().state === state)
  const broken = modules.filter((module) => module.state() === 'failed' && [...module.children.allTests('failed')].length === 0)
  const failed = withState('failed').length + broken.length + vitest.state.getUnhandledErrors().length
  return { passed: withState('passed').length, failed, skipped: withState('skipped') }
}

if (await prepareOrExplain({ allowTypeErrors: false })) {
  const { parseCLI, startVitest } = await import('vitest/node')
  const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)])
  const vitest = await startVitest('test', filter, options)
  const { passed, failed, skipped } = count(vitest)
  await vitest.close()

  for (const test of skipped) console.log(`skipped: ${test.fullName}: ${test.result().note ?? 'no reason given'}`)
  console.log(`${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`)
  // vitest leaves worker processes and timers to the exit; nothing may follow the last line.
  process.exit(failed === 0 && passed > 0 ? 0 : 1)
} else {
  console.log('0 passed, 1 failed')
}
