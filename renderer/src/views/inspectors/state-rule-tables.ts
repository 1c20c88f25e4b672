/** All rules: by name of the native record. */
import type { RecordRules } from './state-rules.ts'
import { KVM_RULES, XEN_RULES } from './state-rules.ts'
import { DEVICE_RULES } from './state-rules-devices.ts'
import { QEMU_RULES } from './state-rules-qemu.ts'

export const RULES: Readonly<Record<string, RecordRules>> = {
  ...XEN_RULES,
  ...KVM_RULES,
  ...QEMU_RULES,
  ...DEVICE_RULES,
}
