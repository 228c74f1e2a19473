import { describe, expect, it } from 'vitest'
import { duration, openTerminal, paint } from '../../src/cli/terminal.ts'

/** A terminal, or a pipe, of 20 columns that remembers. */
function output(isTTY: boolean) {
  const written: string[] = []
  return { isTTY, columns: 20, written, write: (text: string) => written.push(text) }
}

function open(out: boolean, err: boolean, environment: NodeJS.ProcessEnv = {}, isQuiet = false) {
  const stdout = output(out)
  const stderr = output(err)
  return { stdout, stderr, terminal: openTerminal({ stdout, stderr, environment, isQuiet }) }
}

describe('the live line', () => {
  it('is cut to the terminal, replaced by the next, and gone before anything that stays', () => {
    const { terminal, stdout, stderr } = open(true, true)
    terminal.live('epoch 1/40 step 12/360 loss 0.5')
    terminal.live('epoch 1/40')
    terminal.say('epoch 1 is done')
    terminal.live('epoch 2/40')
    terminal.out('result')
    expect(stderr.written.join('')).toBe('epoch 1/40 step 12/\r\u001b[2Kepoch 1/40\r\u001b[2Kepoch 1 is done\nepoch 2/40\r\u001b[2K')
    expect(stdout.written.join('')).toBe('result\n')
  })

  it.each([
    ['a pipe', open(true, false)],
    ['a dumb terminal', open(true, true, { TERM: 'dumb' })],
    ['--quiet', open(true, true, {}, true)],
  ])('is not there with %s', (_, { terminal, stderr }) => {
    terminal.live('epoch 1/40')
    expect(stderr.written).toEqual([])
  })
})

describe('colours', () => {
  it('are for terminals: a result that is piped has none while progress beside it has', () => {
    const { terminal } = open(false, true)
    expect([terminal.color, terminal.outColor]).toEqual([true, false])
    expect(paint('best', 'green', terminal.color)).toBe('\u001b[32mbest\u001b[0m')
    expect(paint('best', 'green', terminal.outColor)).toBe('best')
  })

  it('obey NO_COLOR, but not an empty one', () => {
    expect(open(true, true, { NO_COLOR: '1' }).terminal).toMatchObject({ color: false, outColor: false, isLive: true })
    expect(open(true, true, { NO_COLOR: '' }).terminal).toMatchObject({ color: true, outColor: true })
  })
})

it.each([
  [0.04, '0.0 s'],
  [9.94, '9.9 s'],
  [9.96, '10 s'],
  [59.6, '1 min 00 s'],
  [125, '2 min 05 s'],
  [3599.7, '1 h 00 min'],
  [3780, '1 h 03 min'],
])('%d seconds are written %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text)
})
