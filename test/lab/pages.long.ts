/** Every case of pages.test.ts. */
import './pages.test.ts'
