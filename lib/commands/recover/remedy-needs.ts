import { OperatorError } from '../../base/errors.ts'

/** That a remedy can't be carried out here, and what would make it possible. Other remedies are carried out all the same. */
export class RemedyNeeds extends OperatorError {
  constructor(what: string, remedy: string) {
    super(what, { kind: 'blocked', remedy })
  }
}
