/** Addresses in MLflow's pages. Without `workflowType` they open in a mode for language models that shows nothing of a training. */

const mode = 'workflowType=machine_learning'

export function experimentUrl(server: string, experimentId: string): string {
  return `${server}/#/experiments/${experimentId}/runs?${mode}`
}

export function runUrl(server: string, experimentId: string, runId: string): string {
  return `${server}/#/experiments/${experimentId}/runs/${runId}?${mode}`
}

/** The list of experiments. */
export function startUrl(server: string): string {
  return `${server}/#/experiments?${mode}`
}
