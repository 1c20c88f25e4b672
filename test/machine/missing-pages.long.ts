/** Every case of missing-pages.test.ts. */
import './missing-pages.test.ts'
