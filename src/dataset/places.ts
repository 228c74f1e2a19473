export { placeNear } from '../experiment/places.ts'
