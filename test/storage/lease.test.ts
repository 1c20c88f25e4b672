import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Lease, type LeaseChange, type LeaseToken } from '../../engine/storage/lease.ts'
import { FerryError } from '../../engine/util/errors.ts'

const code = (text: string): unknown => expect.objectContaining({ code: text })

describe('lease', () => {
  it('has at most one holder, and rising epochs, under any sequence of operations', () => {
    const host = fc.constantFrom('xen', 'kvm', 'third')
    const operation = fc.oneof(
      fc.record({ kind: fc.constant('acquire' as const), host }),
      // `token` chooses among all tokens ever given, most of them void.
      fc.record({ kind: fc.constant('transfer' as const), token: fc.nat(), host }),
      fc.record({ kind: fc.constant('release' as const), token: fc.nat() }),
      fc.record({ kind: fc.constant('revoke' as const) }),
    )
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 50 }), (operations) => {
        const lease = new Lease('disk')
        const changes: LeaseChange[] = []
        lease.on('changed', (change) => changes.push(change))
        const tokens: LeaseToken[] = []
        let valid: LeaseToken | null = null
        for (const op of operations) {
          const before = { holder: lease.holder, epoch: lease.epoch }
          const token = 'token' in op && tokens.length > 0 ? tokens[op.token % tokens.length] : undefined
          let allowed = true
          let next: LeaseToken | null = valid
          try {
            if (op.kind === 'acquire') {
              allowed = valid === null
              next = lease.acquire(op.host)
            } else if (op.kind === 'revoke') {
              next = null
              lease.revoke()
            } else if (token !== undefined) {
              allowed = token === valid
              if (op.kind === 'transfer') next = lease.transfer(token, op.host)
              else {
                lease.release(token)
                next = null
              }
            }
            expect(allowed).toBe(true)
            if (next !== null && next !== valid) tokens.push(next)
            if (next !== valid) expect(lease.epoch).toBe(before.epoch + 1)
            valid = next
          } catch (error) {
            if (!(error instanceof FerryError)) throw error
            expect(allowed).toBe(false)
            expect({ holder: lease.holder, epoch: lease.epoch }).toEqual(before)
          }
          expect(lease.holder).toBe(valid?.holder ?? null)
          expect(tokens.filter((candidate) => lease.holds(candidate))).toEqual(valid === null ? [] : [valid])
        }
        // The changes are a chain without a break: each begins with the holder at whom the one before ended.
        let last: string | null = null
        changes.forEach((change, i) => {
          expect(change).toMatchObject({ from: last, epoch: i + 1 })
          last = change.to
        })
      }),
      { numRuns: 500 },
    )
  })

  it('names the holder to whoever tries without holding it', () => {
    const lease = new Lease('disk')
    const xen = lease.acquire('xen')
    const held: unknown = expect.objectContaining({
      code: 'storage.lease-held',
      data: { resource: 'disk', holder: 'xen', claimant: 'kvm', epoch: 1 },
      message: expect.stringContaining('xen') as string,
    })
    expect(() => lease.acquire('kvm')).toThrow(held)
    expect(() => lease.transfer({ ...xen, holder: 'kvm' }, 'kvm')).toThrow(held)
    expect(() => lease.release({ ...xen, holder: 'kvm' })).toThrow(held)
    expect(() => lease.acquire('xen')).toThrow(code('storage.lease-held'))
  })

  it('hands over without a moment in which nobody or both hold it', () => {
    const lease = new Lease('disk')
    const source = lease.acquire('xen')
    const seen: (string | null)[] = []
    lease.on('changed', () => seen.push(lease.holder))
    const target = lease.transfer(source, 'kvm')
    expect(seen).toEqual(['kvm'])
    expect([lease.holds(source), lease.holds(target)]).toEqual([false, true])
    expect(() => lease.transfer(source, 'xen')).toThrow(code('storage.lease-held'))
  })

  it('refuses the token of an earlier time of the same holder', () => {
    const lease = new Lease('disk')
    const old = lease.acquire('xen')
    lease.transfer(lease.transfer(old, 'kvm'), 'xen')
    expect(lease.holder).toBe('xen')
    expect(() => lease.check(old)).toThrow(code('storage.lease-fenced'))
    expect(() => lease.release(old)).toThrow(code('storage.lease-fenced'))
  })

  it('refuses the token of another lease', () => {
    const other = new Lease('other').acquire('xen')
    const lease = new Lease('disk')
    lease.acquire('xen')
    expect(() => lease.check(other)).toThrow(code('storage.lease-fenced'))
  })

  it('says so where nobody holds it any more', () => {
    const lease = new Lease('disk')
    const token = lease.acquire('xen')
    lease.revoke()
    lease.revoke()
    expect(lease.epoch).toBe(2)
    expect(() => lease.transfer(token, 'kvm')).toThrow(code('storage.lease-free'))
    expect(lease.acquire('kvm').epoch).toBe(3)
  })

  it('wants holders with a name', () => {
    const lease = new Lease('disk')
    expect(() => lease.acquire('')).toThrow(code('storage.lease-holder'))
    const token = lease.acquire('xen')
    expect(() => lease.transfer(token, '')).toThrow(code('storage.lease-holder'))
    expect(lease.holds(token)).toBe(true)
  })
})
