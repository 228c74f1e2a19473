/** The YAML language server that editors start, as a child process that speaks its protocol: https://microsoft.github.io/language-server-protocol */
import { spawn } from 'node:child_process'
import { pathToFileURL } from 'node:url'
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from 'vscode-jsonrpc/node.js'
import { projectRoot } from './load.ts'

export interface Completion {
  readonly label: string
  readonly documentation: string
}

export interface Squiggle {
  /** The text that is underlined. */
  readonly text: string
  readonly message: string
}

/** An experiment file that is open in an editor; `at` is a text that stands in it once, and the cursor stands behind it. */
export interface OpenFile {
  readonly complete: (at: string) => Promise<readonly Completion[]>
  /** Markdown, as it is shown over the last letter of `at`. */
  readonly hover: (at: string) => Promise<string>
  /** The next that the server publishes. */
  readonly squiggles: Promise<readonly Squiggle[]>
}

export interface LanguageServer {
  /** As if it were saved in experiments/; nothing is written. */
  open(name: string, text: string): Promise<OpenFile>
  stop(): Promise<void>
}

interface Position {
  readonly line: number
  readonly character: number
}

interface Published {
  readonly uri: string
  readonly diagnostics: readonly { readonly message: string; readonly range: { readonly start: Position; readonly end: Position } }[]
}

/** What VS Code's extension sends, less the catalogue of schemas on the network. */
const settings = { validate: true, hover: true, completion: true, schemaStore: { enable: false } }

export async function startLanguageServer(): Promise<LanguageServer> {
  const server = `${projectRoot}/node_modules/yaml-language-server/bin/yaml-language-server`
  const child = spawn(process.execPath, [server, '--stdio'], { stdio: ['pipe', 'pipe', 'ignore'] })
  const connection = createMessageConnection(new StreamMessageReader(child.stdout), new StreamMessageWriter(child.stdin))
  const listeners = new Map<string, (published: Published) => void>()
  connection.onRequest('workspace/configuration', ({ items }: { items: readonly { section: string }[] }) =>
    items.map(({ section }) => (section === 'yaml' ? settings : null)),
  )
  connection.onRequest('client/registerCapability', () => null)
  connection.onNotification('textDocument/publishDiagnostics', (published: Published) => listeners.get(published.uri)?.(published))
  connection.listen()
  const folder = pathToFileURL(projectRoot).href
  await connection.sendRequest('initialize', {
    processId: process.pid,
    rootUri: folder,
    workspaceFolders: [{ uri: folder, name: 'runner' }],
    capabilities: { workspace: { configuration: true }, textDocument: { completion: {}, hover: {}, publishDiagnostics: {} } },
  })
  await connection.sendNotification('initialized', {})
  await connection.sendNotification('workspace/didChangeConfiguration', { settings: { yaml: settings } })

  return {
    async open(name, text) {
      const uri = pathToFileURL(`${projectRoot}/experiments/${name}`).href
      const squiggles = new Promise<readonly Squiggle[]>((resolve) => {
        listeners.set(uri, ({ diagnostics }) =>
          resolve(
            diagnostics.map(({ message, range }) => ({
              message,
              text: text.slice(offsetOf(text, range.start), offsetOf(text, range.end)),
            })),
          ),
        )
      })
      await connection.sendNotification('textDocument/didOpen', { textDocument: { uri, languageId: 'yaml', version: 1, text } })
      const where = (at: string, back: number) => ({ textDocument: { uri }, position: positionBehind(text, at, back) })
      return {
        squiggles,
        async complete(at) {
          const list: { items: readonly { label: string; documentation?: string | { value: string } }[] } = await connection.sendRequest(
            'textDocument/completion',
            where(at, 0),
          )
          return list.items.map(({ label, documentation = '' }) => ({
            label,
            documentation: typeof documentation === 'string' ? documentation : documentation.value,
          }))
        },
        async hover(at) {
          const found: { contents: { value: string } } | null = await connection.sendRequest('textDocument/hover', where(at, 1))
          return found?.contents.value ?? ''
        },
      }
    },
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      await connection.sendRequest('shutdown')
      await connection.sendNotification('exit')
      await ended
      connection.dispose()
    },
  }
}

function positionBehind(text: string, at: string, back: number): Position {
  const index = text.indexOf(at)
  if (index < 0 || text.indexOf(at, index + 1) >= 0) throw new Error(`"${at}" does not stand once in the text`)
  const lines = text.slice(0, index + at.length - back).split('\n')
  return { line: lines.length - 1, character: lines.at(-1)?.length ?? 0 }
}

function offsetOf(text: string, { line, character }: Position): number {
  return text.split('\n').slice(0, line).join('\n').length + (line > 0 ? 1 : 0) + character
}
