/** Every case of pull.test.ts. */
import './pull.test.ts'
