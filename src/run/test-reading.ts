/** The test images are a vault: whoever reads what a run said of them leaves a line in the run's journal. */
import { Fault } from '../diagnostics/diagnostic.ts'
import { openJournal } from '../journal/journal.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { JournalInUse } from '../journal/writer.ts'
import { readEvents } from './read-events.ts'
import type { Workspace } from './workspace.ts'

/** Resolves with how often they have been read by now, the run's own final evaluation included. Throws `Fault` where the journal is damaged or in use: then nothing may be read. */
export async function journalTestReading(folder: RunFolder, why: string, { now }: Workspace): Promise<number> {
  const { events } = await readEvents(folder)
  const dataset = events.find((event) => event.type === 'dataset' && event.context === 'testing')
  const journal = await openJournal(folder.journal, { now }).catch((error: unknown) => {
    if (!(error instanceof JournalInUse)) throw error
    const message = `${folder.id} is being written by ${error.writer}, and the reading of its test images cannot be noted`
    throw new Fault([{ code: 'run-in-use', severity: 'error', message, hint: 'Wait for it to end.' }], 1)
  })
  try {
    await journal.append({ type: 'test-read', why, digest: dataset?.type === 'dataset' ? dataset.digest : '' })
    return journal.events.filter(({ type }) => type === 'test-read').length
  } finally {
    await journal.close()
  }
}
