/** `./runner ARGS`: stage one of the set-up where something is stale, then the command line in this same process. */
import { prepareOrExplain } from './prepare.mjs'

if (await prepareOrExplain()) {
  const { main } = await import('../dist/cli/main.js')
  process.exitCode = await main(process.argv.slice(2))
}
