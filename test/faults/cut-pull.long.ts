/** Every case of cut-pull.test.ts. */
import './cut-pull.test.ts'
