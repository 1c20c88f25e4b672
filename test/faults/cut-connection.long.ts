/** Every case of cut-connection.test.ts. */
import './cut-connection.test.ts'
