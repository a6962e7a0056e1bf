/** After so many days without a review a page of the docs says so. */
export const STALE_DAYS = 180
