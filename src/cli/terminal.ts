/** Where the command line writes: results to stdout, progress and faults to stderr, one live line where stderr is a terminal. */

export interface Terminal {
  readonly isLive: boolean
  readonly color: boolean
  /** A result. */
  out(text: string): void
  /** Progress, a fault, a notice: stays. */
  say(text: string): void
  /** Replaces the live line; nothing where there is none. */
  live(text: string): void
}

interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

export interface TerminalOptions {
  readonly stdout: Output
  readonly stderr: Output
  readonly environment: NodeJS.ProcessEnv
  readonly isQuiet: boolean
}

export function openTerminal({ stdout, stderr, environment, isQuiet }: TerminalOptions): Terminal {
  const isLive = stderr.isTTY === true && !isQuiet && environment['TERM'] !== 'dumb'
  let hasLine = false
  const clear = (): string => (hasLine ? '\r\u001b[2K' : '')
  return {
    isLive,
    color: stderr.isTTY === true && environment['NO_COLOR'] === undefined && environment['TERM'] !== 'dumb',
    out(text) {
      stderr.write(clear())
      hasLine = false
      stdout.write(`${text}\n`)
    },
    say(text) {
      stderr.write(`${clear()}${text}\n`)
      hasLine = false
    },
    live(text) {
      if (!isLive) return
      stderr.write(`${clear()}${text.slice(0, (stderr.columns ?? 100) - 1)}`)
      hasLine = true
    },
  }
}

const styles = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const

export function paint(text: string, style: keyof typeof styles, terminal: Pick<Terminal, 'color'>): string {
  return terminal.color ? `\u001b[${styles[style]}m${text}\u001b[0m` : text
}

/** `3 s`, `2 min 05 s`, `1 h 03 min` */
export function duration(seconds: number): string {
  const whole = Math.round(seconds)
  if (whole < 60) return seconds < 10 ? `${seconds.toFixed(1)} s` : `${whole} s`
  const two = (value: number): string => String(value).padStart(2, '0')
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`
}
