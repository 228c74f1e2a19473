/** What the first stage tells the user, on standard error: standard output belongs to the command. */

export function say(text) {
  process.stderr.write(`${text}\n`)
}

/** Says that `work` goes on, how long it has taken (ticking on a terminal), and that it is done. */
export async function showStep(text, work) {
  const started = Date.now()
  const line = () => `${text}  ${((Date.now() - started) / 1000).toFixed(0)} s`
  const isTerminal = process.stderr.isTTY
  if (!isTerminal) say(`${text} …`)
  const ticking = isTerminal ? setInterval(() => process.stderr.write(`\r${line()}`), 200) : undefined
  try {
    return await work()
  } finally {
    clearInterval(ticking)
    say(isTerminal ? `\r${line()}` : line())
  }
}
