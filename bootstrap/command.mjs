/** Running another program to its end. */
import { spawn } from 'node:child_process'
import { root } from './project.mjs'

/** Runs it in the repository's folder. Returns its exit code (127 where it could not be started) and everything it printed. */
export function runCommand(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const collect = (chunk) => (output += chunk)
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.on('error', (error) => resolve({ exitCode: 127, output: error.message }))
    child.on('close', (exitCode) => resolve({ exitCode: exitCode ?? 1, output: output.trim() }))
  })
}

/** The end of a long output, where programs say what went wrong. */
export const lastLines = (output, count = 12) => output.split('\n').slice(-count).join('\n  ')
