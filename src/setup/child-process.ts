/** Running another program to its end, with its lines as they come. */
import { execa } from 'execa'

export interface Finished {
  /** 127 where the program could not be started. */
  readonly exitCode: number
  /** Standard output and error together. */
  readonly output: string
}

export interface ChildOptions {
  readonly environment: NodeJS.ProcessEnv
  readonly onLine?: (line: string) => void
  readonly timeoutMs?: number
}

export async function runProgram(program: string, args: readonly string[], options: ChildOptions): Promise<Finished> {
  const child = execa(program, args, {
    env: options.environment,
    extendEnv: false,
    stdin: 'ignore',
    all: true,
    reject: false,
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
  })
  if (options.onLine) {
    const { onLine } = options
    child.all.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n')) if (line.trim() !== '') onLine(line.trim())
    })
  }
  const { exitCode, all, originalMessage } = await child
  return { exitCode: exitCode ?? 127, output: exitCode === undefined ? (originalMessage ?? all) : all }
}

/** The end of a long output, where programs say what went wrong. */
export function lastLines(output: string, count = 8): string {
  return output.trim().split('\n').slice(-count).join('\n  ')
}
