/** Every case of choice.test.ts. */
import './choice.test.ts'
