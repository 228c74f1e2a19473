/** `npm run torture -- CAMPAIGN …`: the long forms of the fault campaigns. Exit code 1 where anything was lost or differs. */

interface Campaign {
  /** Prints what it does; resolves with whether everything survived. */
  readonly run: (args: readonly string[]) => Promise<boolean>
}

const campaigns: Readonly<Record<string, () => Promise<Campaign>>> = {
  proxy: () => import('./proxy.ts'),
  disk: () => import('./disk.ts'),
  kills: () => import('./kills.ts'),
  sweep: () => import('./sweep.ts'),
}

const [name = '', ...args] = process.argv.slice(2)
const campaign = campaigns[name]
if (campaign) process.exitCode = (await (await campaign()).run(args)) ? 0 : 1
else {
  console.error(`npm run torture -- ${Object.keys(campaigns).join(' | ')}`)
  process.exitCode = 2
}
