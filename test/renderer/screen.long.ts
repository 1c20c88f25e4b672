/** Every case of screen.test.ts. */
import './screen.test.ts'
