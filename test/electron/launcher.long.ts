/** Every case of launcher.test.ts. */
import './launcher.test.ts'
