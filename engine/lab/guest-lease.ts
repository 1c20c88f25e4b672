/** The lease of a guest, from storage, in the form in which a migration asks for it. */
import { type Lease as MigrationLease, sharedLease } from '../migration/lease.ts'
import { Lease } from '../storage/lease.ts'

/** A lease that `holder` has. @param resource the guest's or its disk's name */
export function guestLease(resource: string, holder: string): MigrationLease {
  const lease = new Lease(resource)
  let token = lease.acquire(holder)
  return sharedLease({
    holder: () => token.holder,
    transfer: (to) => {
      token = lease.transfer(token, to)
    },
  })
}
