import type { Flags } from '../../terminal/flags.ts'

/** The scenario that damages one object of Flux after the other. */
export const eachLoss = 'each-loss'

export const drillFlags = {
  scenario: {
    type: 'string',
    value: 'NAME,…|all|each-loss',
    help: 'which failures to rehearse: a list of the scenarios below, all of them, or every loss of one object (the lab only)',
    required: 'required',
  },
  objective: {
    type: 'string',
    value: '15m',
    help: "the recovery time objective for all scenarios, instead of each one's own",
    format: 'duration',
  },
  only: { type: 'string', value: 'KIND,…', help: 'each-loss: only objects of these kinds' },
  pairs: { type: 'string', value: 'N', help: 'each-loss: this many random pairs of losses at once' },
  sample: { type: 'string', value: 'N', help: 'each-loss: this many random losses instead of all' },
  seed: { type: 'string', value: 'S', help: 'each-loss: the seed of pairs and samples, a whole number (1 by default)' },
} as const satisfies Flags
