/** The charts of the operator and of the FluxInstance, by the last part of their address, wherever they are mirrored to. */
const operatorChart = 'flux-operator'
const instanceChart = 'flux-instance'

/** Whether an address, `oci://HOST/PATH/CHART`, or a chart's name is of the operator's chart. */
export function isOperatorChart(address: string): boolean {
  return lastPart(address) === operatorChart
}

/** The same of the chart that holds the FluxInstance. */
export function isInstanceChart(address: string): boolean {
  return lastPart(address) === instanceChart
}

function lastPart(address: string): string {
  return address.split('/').findLast((part) => part !== '') ?? ''
}
