/** Stage one of the set-up alone: the tests need dist/, because engine, runner and doctor are started as processes. */
import { prepareOrExplain } from './prepare.mjs'

await prepareOrExplain()
