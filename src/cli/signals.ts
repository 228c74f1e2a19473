/** Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once. */
import type { Terminal } from './terminal.ts'

export interface Interruption {
  readonly signal: AbortSignal
  exitCode(): number
  /** There is a step to finish from now on. */
  begin(): void
  stop(): void
}

/** Work that a signal may end before it has begun; `words` say that. Resolves with the exit code. */
export async function interruptible(
  terminal: Terminal,
  words: string,
  work: (interruption: Interruption) => Promise<number>,
): Promise<number> {
  const interruption = listenToSignals(terminal)
  try {
    return await work(interruption)
  } catch (error) {
    if (error !== interruption.signal.reason) throw error
    terminal.say(words)
    return interruption.exitCode()
  } finally {
    interruption.stop()
  }
}

/** The first signal asks for an orderly end, the second ends at once. */
export function listenToSignals(terminal: Terminal): Interruption {
  const controller = new AbortController()
  let exitCode = 130
  let hasBegun = false
  const onSignal = (signal: NodeJS.Signals): void => {
    exitCode = signal === 'SIGTERM' ? 143 : 130
    if (controller.signal.aborted) process.exit(exitCode)
    if (hasBegun) terminal.say('  finishing the step; once more ends at once')
    controller.abort(new Error('interrupted'))
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return {
    signal: controller.signal,
    exitCode: () => exitCode,
    /** There is a step to finish from now on. */
    begin: () => {
      hasBegun = true
    },
    stop: () => {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    },
  }
}
