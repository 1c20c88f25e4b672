/** Every case of electron.test.ts. */
import './electron.test.ts'
