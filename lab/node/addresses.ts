/** Addresses for pods that no network has: each pod's its own, none of them loopback, which the API refuses in Endpoints. */
export class Addresses {
  readonly #taken = new Set<string>()
  #last = 1

  /** Keeps an address that a pod has already. */
  reserve(address: string | undefined): void {
    if (address !== undefined) this.#taken.add(address)
  }

  /** The pod's present address, or a new one. */
  take(present: string | undefined): string {
    if (present !== undefined) {
      this.#taken.add(present)
      return present
    }
    for (;;) {
      this.#last = (this.#last % 65_533) + 1
      const address = `10.244.${this.#last >> 8}.${this.#last & 255}`
      if (this.#taken.has(address)) continue
      this.#taken.add(address)
      return address
    }
  }

  release(address: string): void {
    this.#taken.delete(address)
  }
}
