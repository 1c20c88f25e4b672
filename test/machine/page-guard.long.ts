/** Every case of page-guard.test.ts. */
import './page-guard.test.ts'
