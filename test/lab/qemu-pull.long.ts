/** Every case of qemu-pull.test.ts. */
import './qemu-pull.test.ts'
