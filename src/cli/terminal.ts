/** Where the command line writes: results to stdout, progress and faults to stderr, one live line where stderr is a terminal. */

export interface Terminal {
  /** Whether there is a live line. */
  readonly isLive: boolean
  /** Whether what is said may be coloured, and whether results may. */
  readonly color: boolean
  readonly outColor: boolean
  /** A result. */
  out(text: string): void
  /** Progress, a fault, a notice: stays. */
  say(text: string): void
  /** Replaces the live line, cut to the terminal's width; nothing where there is none. */
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
  const isDumb = environment['TERM'] === 'dumb'
  const isLive = stderr.isTTY === true && !isQuiet && !isDumb
  const mayColor = !isDumb && (environment['NO_COLOR'] ?? '') === ''
  let hasLine = false
  const clear = (): void => {
    if (hasLine) stderr.write('\r\u001b[2K')
    hasLine = false
  }
  return {
    isLive,
    color: mayColor && stderr.isTTY === true,
    outColor: mayColor && stdout.isTTY === true,
    out(text) {
      clear()
      stdout.write(`${text}\n`)
    },
    say(text) {
      clear()
      stderr.write(`${text}\n`)
    },
    live(text) {
      if (!isLive) return
      clear()
      stderr.write(text.slice(0, (stderr.columns ?? 100) - 1))
      hasLine = true
    },
  }
}

const styles = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, alarm: '1;97;41' } as const

export function paint(text: string, style: keyof typeof styles, color: boolean): string {
  return color ? `\u001b[${styles[style]}m${text}\u001b[0m` : text
}

/** `0.8 s`, `42 s`, `2 min 05 s`, `1 h 03 min` */
export function duration(seconds: number): string {
  const whole = Math.round(seconds)
  if (whole < 60) return seconds < 9.95 ? `${seconds.toFixed(1)} s` : `${whole} s`
  const two = (value: number): string => String(value).padStart(2, '0')
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`
}

/** `1,235,133` */
export function counted(count: number): string {
  return count.toLocaleString('en-US')
}

const barWidth = 20

/** A share of 0 … 1 as a line that fills. */
export function bar(share: number): string {
  const filled = Math.round(share * barWidth)
  return `${'━'.repeat(filled)}${'─'.repeat(barWidth - filled)}`
}
