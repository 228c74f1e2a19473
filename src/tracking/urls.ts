/** Addresses in MLflow's pages. Without `workflowType` they open in a mode for language models that shows nothing of a training. */

const mode = 'workflowType=machine_learning'

export function experimentUrl(server: string, experimentId: string): string {
  return `${server}/#/experiments/${experimentId}/runs?${mode}`
}

export function runUrl(server: string, experimentId: string, runId: string): string {
  return `${server}/#/experiments/${experimentId}/runs/${runId}?${mode}`
}

/** Runs as a view arranges them (`views.ts`): anything else in the address would stand against the view. */
export function viewUrl(server: string, experimentId: string, key: string): string {
  return `${server}/#/experiments/${experimentId}/runs?compareRunsMode=CHART&viewStateShareKey=${key}&${mode}`
}

/** The trials of a sweep where there is no view of it, best first; sorted by a metric they are not folded under their parent. */
export function sweepUrl(server: string, experimentId: string, runId: string, metric: string, isLossLike: boolean): string {
  const filter = encodeURIComponent(`tags.\`mlflow.parentRunId\` = '${runId}'`)
  const order = encodeURIComponent(`metrics.\`${metric}\``)
  return `${server}/#/experiments/${experimentId}/runs?compareRunsMode=CHART&searchFilter=${filter}&orderByKey=${order}&orderByAsc=${isLossLike}&${mode}`
}

/** The list of experiments. */
export function startUrl(server: string): string {
  return `${server}/#/experiments?${mode}`
}
